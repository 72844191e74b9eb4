"""Encryption of what is secret at rest."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from base64 import urlsafe_b64encode
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from orchestrator.domain.canonical import Json, decode, encode
from orchestrator.errors import Sealed, Unreadable, cause

_ENCRYPTED = b"gAAAA"
"""How Fernet's tokens begin, for a century yet; deflated bytes and JSON never do."""


class WrongKey(ValueError):
    """None of the given secret keys is the one that encrypted this."""

    def __init__(self) -> None:
        super().__init__("Encrypted with a secret key that is not among the given")


class Cipher:
    """Encrypts with the newest of several secret keys, and reads what any of them encrypted.

    ``encrypt_outputs`` says whether outputs, and what is made of them, are written encrypted. They
    are read either way: a database may hold both.
    """

    def __init__(self, secret_keys: str, *, encrypt_outputs: bool = False) -> None:
        """Take one key, or several separated by commas, the newest first; any text is a key.

        Raises ValueError when there is none.
        """
        secrets = [key.strip() for key in secret_keys.split(",") if key.strip()]
        if not secrets:
            raise ValueError("A secret key is needed to encrypt with")
        self.encrypts_outputs = encrypt_outputs
        self._keys = [Fernet(urlsafe_b64encode(_stretch(key))) for key in secrets]
        self._fernet = MultiFernet(self._keys)
        self.oldest_naming_key = _stretch("name:" + secrets[-1])

    def encrypt(self, text: bytes) -> bytes:
        """Compress, then encrypt: what is encrypted does not compress."""
        return self._fernet.encrypt(zlib.compress(text))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Read what ``encrypt`` gave. Raises WrongKey when none of the keys fits."""
        return zlib.decompress(self._decrypted(encrypted))

    def pack(self, text: bytes, *, secret: bool) -> bytes:
        """Compress, and encrypt where it is secret."""
        return self.encrypt(text) if secret else zlib.compress(text)

    def unpack(self, stored: bytes) -> bytes:
        """Read what ``pack`` gave, secret or not.

        Raises WrongKey when none of the keys fits, zlib.error for what is damaged.
        """
        return self.decrypt(stored) if is_encrypted(stored) else zlib.decompress(stored)

    def pack_json(self, value: Json) -> bytes | None:
        """Compress a value, and encrypt it where outputs are; None for none."""
        return None if value is None else self.pack(encode(value), secret=self.encrypts_outputs)

    def unpack_json(self, stored: bytes | None, what: str) -> Json:
        """Read what ``pack_json`` gave. Raises Sealed and Unreadable, with ``what`` it is."""
        try:
            return None if stored is None else decode(self.unpack(stored))
        except WrongKey as error:
            raise Sealed(what) from error
        except (zlib.error, ValueError) as error:
            raise Unreadable(f"{what} is damaged: {cause(error)}") from error

    def repack(self, stored: bytes, *, secret: bool) -> bytes:
        """What lies there as ``pack`` would write it today; the same bytes where it does already.

        Raises WrongKey when none of the keys fits.
        """
        if not is_encrypted(stored):
            return self._fernet.encrypt(stored) if secret else stored
        if secret:
            return (
                stored
                if self.key_of(stored) == 0
                else self._fernet.encrypt(self._decrypted(stored))
            )
        return self._decrypted(stored)

    def key_of(self, encrypted: bytes) -> int | None:
        """The place of the key that encrypted it, 0 for the newest; None where none here did."""
        for place, key in enumerate(self._keys):
            try:
                key.extract_timestamp(encrypted)  # verifies, and decrypts nothing
            except InvalidToken:
                continue
            return place
        return None

    def name(self, text: bytes, naming_key: bytes | None = None) -> str:
        """A UUID for this text: always the same, and nobody without the key can tell of what.

        Made with the naming key that is given; without it with one that comes from the oldest
        secret key, so that it stays when a newer one is put before it.
        """
        digest = hmac.digest(naming_key or self.oldest_naming_key, text, "sha256")
        return str(UUID(bytes=digest[:16], version=4))

    def _decrypted(self, encrypted: bytes) -> bytes:
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise WrongKey from error


def is_encrypted(stored: bytes) -> bool:
    """Whether these bytes are what ``encrypt`` gave, by whatever key."""
    return stored.startswith(_ENCRYPTED)


def _stretch(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
