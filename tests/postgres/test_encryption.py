"""Only the right key decrypts a body, and a changed byte is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.config import Journal
from calscim.encryption import MAGIC, PLAIN, KeyMissing, cipher, encrypted_with, key_id, new_key
from calscim.errors import StoreError

KEY, OTHER = new_key(), new_key()

bodies = st.one_of(st.binary(), st.binary().map(lambda rest: MAGIC + rest))


@given(bodies)
def test_whatever_is_encrypted_opens_again(body):
    for one in (PLAIN, cipher(KEY), cipher(None, [KEY])):
        assert one.decrypt(one.encrypt(body)) == body


@given(st.binary(min_size=8))
def test_a_encrypted_body_does_not_show(body):
    encrypted = cipher(KEY).encrypt(body)

    assert encrypted != cipher(KEY).encrypt(body)
    assert body not in encrypted[len(MAGIC) :]


@given(bodies)
def test_what_was_stored_without_a_key_stays_readable_with_one(body):
    assert cipher(KEY).decrypt(PLAIN.encrypt(body)) == body


@given(st.binary(min_size=1))
def test_after_a_rotation_the_old_key_decrypts_and_the_new_one_encrypts(body):
    before = cipher(OTHER).encrypt(body)
    rotated = cipher(KEY, [OTHER])

    assert rotated.decrypt(before) == body
    assert encrypted_with(rotated.encrypt(body)) == encrypted_with(cipher(KEY).encrypt(body))
    assert encrypted_with(before) != encrypted_with(rotated.encrypt(body))


@given(st.binary(min_size=1), st.data())
def test_a_changed_byte_is_found_out(body, data):
    encrypted = bytearray(cipher(KEY).encrypt(body))
    encrypted[data.draw(st.integers(len(MAGIC), len(encrypted) - 1))] ^= data.draw(
        st.integers(1, 255)
    )

    try:
        opened = cipher(KEY).decrypt(bytes(encrypted))
    except StoreError:
        return

    assert (
        encrypted[len(MAGIC)] == 0
    )  # it says of itself that it is not encrypted: the journal's chain shows that
    assert opened != body


@given(st.binary(min_size=1), st.integers(min_value=0))
def test_a_body_that_was_cut_off_is_found_out(body, length):
    encrypted = cipher(KEY).encrypt(body)
    short = encrypted[: len(MAGIC) + 1 + length % (len(encrypted) - len(MAGIC) - 1)]

    with pytest.raises(StoreError):
        cipher(KEY).decrypt(short)


def test_without_its_key_a_body_says_which_one_it_needs():
    encrypted = cipher(KEY).encrypt(b"secret")
    name = key_id(KEY)

    for one in (PLAIN, cipher(OTHER)):
        with pytest.raises(KeyMissing, match=f"{name}.*journal.old_key_files") as caught:
            one.decrypt(encrypted)
        assert caught.value.key_id == name == encrypted_with(encrypted)


def test_switched_off_the_old_keys_still_open():
    encrypted = cipher(KEY).encrypt(b"secret")
    off = cipher(None, [KEY])

    assert off.decrypt(encrypted) == b"secret"
    assert off.encrypt(b"now plain") == b"now plain"


def test_nothing_stays_nothing():
    assert cipher(KEY).encrypt(b"") == PLAIN.encrypt(b"") == b""


def test_a_key_is_never_shown():
    for shown in (repr(cipher(KEY, [OTHER])), repr(Journal(KEY, (OTHER,)))):
        assert KEY.hex() not in shown
        assert repr(KEY)[2:-1] not in shown
        assert repr(OTHER)[2:-1] not in shown


def test_a_form_of_a_later_release_is_not_taken_for_something_else():
    with pytest.raises(StoreError, match="later"):
        PLAIN.decrypt(MAGIC + b"\x07whatever")
