"""An API token: who may call what."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.permission import Permission, Rights
from orchestrator.domain.timeline import person_actor, token_actor


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as it is stored: by its hash. ``deployment`` None means all of them.

    ``bootstrap`` says that the service stored it by itself: another such one takes its place.
    ``person`` is the address of the one person whose token it is, None where it is nobody's own.
    ``permission`` is what whoever has it may do there.
    """

    id: str
    name: str
    hash: str
    deployment: str | None
    created_at: datetime
    revoked_at: datetime | None = None
    bootstrap: bool = False
    person: str | None = None
    permission: Permission = Permission.MANAGE

    @property
    def rights(self) -> Rights:
        """What whoever has it may do, while it is live."""
        if self.deployment is None:
            return Rights(everywhere=self.permission, person=self.person)
        return Rights(by_deployment={self.deployment: self.permission}, person=self.person)

    @property
    def actor(self) -> str:
        """Who the timeline says whoever has it is."""
        return person_actor(self.person) if self.person else token_actor(self.name)


def hash_of(secret: str) -> str:
    """The hash under which a token is stored. Tokens have 256 random bits: no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()


def mail_token(secret: str) -> str:
    """A token of 160 bits made of a secret, in letters and digits that survive a mail address."""
    bits = hashlib.sha256(secret.encode()).digest()[:20]
    return base64.b32encode(bits).decode().lower()
