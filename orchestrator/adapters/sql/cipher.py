"""Encryption of what is secret at rest."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from base64 import urlsafe_b64encode
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Cipher:
    """Encrypts with the newest of several secret keys, and reads what any of them encrypted."""

    def __init__(self, secret_keys: str) -> None:
        """Take one key, or several separated by commas, the newest first; any text is a key.

        Raises ValueError when there is none.
        """
        secrets = [key.strip() for key in secret_keys.split(",") if key.strip()]
        if not secrets:
            raise ValueError("A secret key is needed to encrypt with")
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(_stretch(key))) for key in secrets])
        self._naming_key = _stretch("name:" + secrets[-1])

    def encrypt(self, text: bytes) -> bytes:
        """Compress, then encrypt: what is encrypted does not compress."""
        return self._fernet.encrypt(zlib.compress(text))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Read what ``encrypt`` gave. Raises ValueError when none of the keys fits."""
        try:
            return zlib.decompress(self._fernet.decrypt(encrypted))
        except InvalidToken as error:
            raise ValueError("Encrypted with a secret key that is not among the given") from error

    def name(self, text: bytes) -> str:
        """A UUID for this text: always the same, and nobody without the key can tell of what.

        Made with the oldest key, so that it stays when a newer one is put before it.
        """
        digest = hmac.digest(self._naming_key, text, "sha256")
        return str(UUID(bytes=digest[:16], version=4))


def _stretch(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
