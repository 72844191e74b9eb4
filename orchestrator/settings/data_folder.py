"""The data folder of this machine: the embedded broker's socket, the made secret key."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from orchestrator.errors import InvalidSettings

PREFIX = "ORCHESTRATOR_"
LONGEST_SOCKET_PATH = 100
"""Bytes. The kernel keeps 108 on Linux and 104 on macOS, with the zero at the end."""


def embedded_socket(data: Path) -> Path:
    """Where the embedded broker of this data folder listens.

    A pure function of the folder, so that every process finds it. A long path, or one with
    characters that a URL would change, gives way to a short private folder.
    """
    plain = data / "broker" / "valkey.sock"
    if len(os.fsencode(plain)) <= LONGEST_SOCKET_PATH and _is_plain(str(plain)):
        return plain
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(f"/tmp/orch-{os.getuid()}-{digest}/valkey.sock")  # noqa: S108 - private: ownership and mode are checked before use


def embedded_broker_url(data: Path) -> str:
    """The URL of the embedded broker of this data folder."""
    return f"redis+socket://{embedded_socket(data)}?virtual_host=0"


def make_data_folder(data: Path) -> None:
    """Make the folder, closed to other users, where there is none yet.

    Raises InvalidSettings when it cannot be had.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as wrong:
        why = "it is a file" if data.exists() else wrong.strerror
        raise _unusable_data(data, why) from wrong


def require_writable(data: Path) -> None:
    """Raise InvalidSettings where the folder does not take files."""
    try:
        with tempfile.TemporaryFile(dir=data) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as wrong:
        raise _unusable_data(data, f"it cannot be written to ({wrong.strerror})") from wrong


def _unusable_data(data: Path, why: str | None) -> InvalidSettings:
    return InvalidSettings(
        f"{data} cannot be the data folder: {why}. Mend it, or choose another with {PREFIX}DATA."
    )


def load_or_make_secret_key(data: Path) -> str:
    """The key in the data folder's ``secret_key``; made, readable to its owner only, on first use.

    Processes that race get the same key. Raises InvalidSettings when the file cannot be had.
    """
    path = data / "secret_key"
    try:
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text(encoding="ascii").strip()
    except OSError as wrong:
        raise InvalidSettings(f"{path}: {wrong.strerror}; or set {PREFIX}SECRET_KEY") from wrong
    except UnicodeDecodeError as wrong:
        raise InvalidSettings(
            f"{path} is damaged: restore it, or set {PREFIX}SECRET_KEY"
        ) from wrong
    if not key:
        raise InvalidSettings(f"{path} is empty: restore it, or set {PREFIX}SECRET_KEY")
    return key


def _make_secret_key(path: Path) -> None:
    """Write the key whole, then give it its name: the first to do so wins."""
    make_data_folder(path.parent)
    key = base64.urlsafe_b64encode(secrets.token_bytes(32))
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix="secret_key.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(handle)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


def _is_plain(path: str) -> bool:
    return path.isascii() and all(char.isalnum() or char in "/._-" for char in path)
