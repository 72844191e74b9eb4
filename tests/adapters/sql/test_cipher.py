from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.sql import Cipher


@given(text=st.binary())
def test_what_was_encrypted_is_read_again(text: bytes) -> None:
    cipher = Cipher("any text is a key")

    assert cipher.decrypt(cipher.encrypt(text)) == text


def test_equal_texts_are_encrypted_differently() -> None:
    cipher = Cipher("k")

    assert cipher.encrypt(b"text") != cipher.encrypt(b"text")


def test_every_key_reads_and_the_newest_one_writes() -> None:
    old, both, new = Cipher("old"), Cipher("new, old"), Cipher("new")

    assert both.decrypt(old.encrypt(b"text")) == b"text"
    assert new.decrypt(both.encrypt(b"text")) == b"text"


def test_a_key_that_was_taken_away_reads_no_more() -> None:
    with pytest.raises(ValueError, match="not among the given"):
        Cipher("new").decrypt(Cipher("old").encrypt(b"text"))


def test_a_name_stays_when_a_newer_key_is_put_in_front() -> None:
    assert Cipher("new,old").name(b"text") == Cipher("old").name(b"text")
    assert Cipher("other").name(b"text") != Cipher("old").name(b"text")
    assert Cipher("old").name(b"texts") != Cipher("old").name(b"text")


@pytest.mark.parametrize("keys", ["", " ", ",", " , "])
def test_no_key_is_refused(keys: str) -> None:
    with pytest.raises(ValueError, match="secret key is needed"):
        Cipher(keys)
