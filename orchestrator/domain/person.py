"""People, by their mail addresses: the one name that is the same in files, calls and mails."""

from __future__ import annotations

import re

LONGEST_ADDRESS = 254
"""Characters (RFC 5321, 4.5.3.1.3)."""

_PART = r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]"
_ADDRESS = re.compile(f"{_PART}{{1,64}}@{_PART}{{1,253}}")


def address_of(text: str) -> str | None:
    """The address that a text is, in the one form in which addresses are compared; else None.

    Case does not matter in it: no mail system in use has two people who differ only by that.
    """
    written = text.strip()
    if len(written) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(written):
        return None
    return _with_letters(written.casefold())


def _with_letters(address: str) -> str:
    """Its domain as people write it, where mails and DNS have ``xn--…`` for it."""
    if "xn--" not in address:
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{'.'.join(map(_label, domain.split('.')))}"


def _label(label: str) -> str:
    """One part of a domain; as it is where it could not be written back the same."""
    try:
        letters = label.encode("ascii").decode("idna")
        return letters if letters.encode("idna") == label.encode() else label
    except UnicodeError:
        return label
