"""What is sealed opens again, with the right key only, and whoever changes a byte is found out."""

import builtins
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.errors import ConfigError, StoreError
from calscim.store import encryption
from calscim.store.encryption import MAGIC, Plain, cipher, key_id, new_key, sealed_with

KEY, OTHER = new_key(), new_key()

bodies = st.one_of(st.binary(), st.binary().map(lambda rest: MAGIC + rest))


@given(bodies)
def test_whatever_is_sealed_opens_again(body):
    for one in (Plain(), cipher(KEY), cipher(None, [KEY])):
        assert one.open(one.seal(body)) == body


@given(st.binary(min_size=8))
def test_a_sealed_body_does_not_show(body):
    sealed = cipher(KEY).seal(body)

    assert sealed != cipher(KEY).seal(body)
    assert body not in sealed[len(MAGIC) :]


@given(bodies)
def test_what_was_stored_without_a_key_stays_readable_with_one(body):
    assert cipher(KEY).open(Plain().seal(body)) == body


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
    name = key_id(encryption._bytes(KEY)).hex()

    for one in (Plain(), cipher(OTHER)):
        with pytest.raises(StoreError, match=f"{name}.*journal.old_keys"):
            one.open(sealed)


def test_switched_off_the_old_keys_still_open():
    sealed = cipher(KEY).seal(b"secret")
    off = cipher(None, [KEY])

    assert off.open(sealed) == b"secret"
    assert off.seal(b"now plain") == b"now plain"


def test_nothing_stays_nothing():
    assert cipher(KEY).seal(b"") == Plain().seal(b"") == b""


def test_the_same_key_in_base64_and_in_hexadecimal_is_one_key():
    raw = hashlib.sha256(b"x").digest()
    one, other = cipher(raw.hex() + "\n"), cipher(encryption.base64.b64encode(raw).decode())

    assert other.open(one.seal(b"secret")) == b"secret"


@pytest.mark.parametrize("text", ["", "short", "00" * 31, "zz" * 32, "AAAA", "ä" * 64])
def test_what_is_no_key_is_refused_with_what_to_write(text):
    with pytest.raises(ConfigError, match="openssl rand") as caught:
        cipher(text, [KEY, text])

    assert [problem.where for problem in caught.value.problems] == [
        "journal.encryption_key",
        "journal.old_keys[1]",
    ]
    assert not text or text not in str(caught.value)


def test_a_key_is_never_shown():
    assert KEY not in repr(cipher(KEY))
    assert encryption._bytes(KEY).hex() not in repr(cipher(KEY))


def test_without_the_extra_a_key_is_a_configuration_error(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)

    assert cipher(None).seal(b"x") == b"x"
    with pytest.raises(ConfigError, match=r"calscim\[encryption\]"):
        cipher(KEY)


def test_a_form_of_a_later_release_is_not_taken_for_something_else():
    with pytest.raises(StoreError, match="later"):
        Plain().open(MAGIC + b"\x07whatever")
