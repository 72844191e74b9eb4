"""What ``orchestrator login`` keeps: which service commands speak to, and with which token."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """A service by the root of its API, and a token for it."""

    url: str
    token: str


def profile_path() -> Path:
    """Where it is kept: a file that only its user may read."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "crew-orchestrator" / "profile.json"


def read_profile() -> Profile | None:
    """The profile of this user; None where there is none that can be read."""
    try:
        kept = json.loads(profile_path().read_text())
        return Profile(str(kept["url"]), str(kept["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_profile(profile: Profile) -> None:
    """Keep it, in place of the one before."""
    path = profile_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft, name = tempfile.mkstemp(dir=path.parent)  # nobody else may read it from the beginning
    with os.fdopen(draft, "w") as file:
        json.dump(asdict(profile), file)
    Path(name).replace(path)


def forget_profile() -> None:
    """Log out."""
    with suppress(FileNotFoundError):
        profile_path().unlink()
