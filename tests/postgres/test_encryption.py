"""What is sealed opens again, with the right key only, and whoever changes a byte is found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.config import Journal
from calscim.encryption import MAGIC, PLAIN, KeyMissing, cipher, key_id, new_key, sealed_with
from calscim.errors import StoreError

KEY, OTHER = new_key(), new_key()

bodies = st.one_of(st.binary(), st.binary().map(lambda rest: MAGIC + rest))


@given(bodies)
def test_whatever_is_sealed_opens_again(body):
    for one in (PLAIN, cipher(KEY), cipher(None, [KEY])):
        assert one.open(one.seal(body)) == body


@given(st.binary(min_size=8))
def test_a_sealed_body_does_not_show(body):
    sealed = cipher(KEY).seal(body)

    assert sealed != cipher(KEY).seal(body)
    assert body not in sealed[len(MAGIC) :]


@given(bodies)
def test_what_was_stored_without_a_key_stays_readable_with_one(body):
    assert cipher(KEY).open(PLAIN.seal(body)) == body


@given(st.binary(min_size=1))
def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals(body):
    before = cipher(OTHER).seal(body)
    rotated = cipher(KEY, [OTHER])

    assert rotated.open(before) == body
    assert sealed_with(rotated.seal(body)) == sealed_with(cipher(KEY).seal(body))
    assert sealed_with(before) != sealed_with(rotated.seal(body))


@given(st.binary(min_size=1), st.data())
def test_a_changed_byte_is_found_out(body, data):
    sealed = bytearray(cipher(KEY).seal(body))
    sealed[data.draw(st.integers(len(MAGIC), len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        opened = cipher(KEY).open(bytes(sealed))
    except StoreError:
        return

    assert (
        sealed[len(MAGIC)] == 0
    )  # it says of itself that it is not sealed: the journal's chain shows that
    assert opened != body


@given(st.binary(min_size=1), st.integers(min_value=0))
def test_a_body_that_was_cut_off_is_found_out(body, length):
    sealed = cipher(KEY).seal(body)
    short = sealed[: len(MAGIC) + 1 + length % (len(sealed) - len(MAGIC) - 1)]

    with pytest.raises(StoreError):
        cipher(KEY).open(short)


def test_without_its_key_a_body_says_which_one_it_needs():
    sealed = cipher(KEY).seal(b"secret")
    name = key_id(KEY)

    for one in (PLAIN, cipher(OTHER)):
        with pytest.raises(KeyMissing, match=f"{name}.*journal.old_key_files") as caught:
            one.open(sealed)
        assert caught.value.key_id == name == sealed_with(sealed)


def test_switched_off_the_old_keys_still_open():
    sealed = cipher(KEY).seal(b"secret")
    off = cipher(None, [KEY])

    assert off.open(sealed) == b"secret"
    assert off.seal(b"now plain") == b"now plain"


def test_nothing_stays_nothing():
    assert cipher(KEY).seal(b"") == PLAIN.seal(b"") == b""


def test_a_key_is_never_shown():
    for shown in (repr(cipher(KEY, [OTHER])), repr(Journal(KEY, (OTHER,)))):
        assert KEY.hex() not in shown
        assert repr(KEY)[2:-1] not in shown
        assert repr(OTHER)[2:-1] not in shown


def test_a_form_of_a_later_release_is_not_taken_for_something_else():
    with pytest.raises(StoreError, match="later"):
        PLAIN.open(MAGIC + b"\x07whatever")
