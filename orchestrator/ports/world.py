"""All ports together: the world, as the use cases see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from orchestrator.domain.delivery_policy import SendLimits
from orchestrator.domain.deployment import Deployment
from orchestrator.ports.mail import Replies
from orchestrator.ports.running import Runner
from orchestrator.ports.sending import Sender, Signer
from orchestrator.ports.sign_on import SignOn
from orchestrator.ports.store import Store
from orchestrator.ports.system import Chance, Clock, Ids


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """Under which addresses mail is sent, where it is.

    ``sender`` is a mail's From, ``reply_domain`` the domain of ``reply+TOKEN@``: None where replies
    are not taken.
    """

    sender: str
    reply_domain: str | None = None


class Deployments(Protocol):
    """The deployments that the operator declared."""

    def get(self, name: str) -> Deployment:
        """Raises UnknownDeployment."""
        ...

    def names(self) -> tuple[str, ...]:
        """All of them."""
        ...

    def queues(self) -> tuple[str, ...]:
        """The queues that workers consume in order to run them, each once."""
        ...

    def default(self) -> str | None:
        """The one that the root of the host serves, None where that is not clear."""
        ...


def untraced(_execution_id: str) -> str | None:
    """What is noted of traces where there are none."""
    return None


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as the use cases see it. Only ``wiring`` builds one.

    ``crash_point`` is called with the name of a place where a crash would hurt; production does
    nothing there. ``public_url`` is how clients reach the API, without a slash at its end.
    ``keep_finished`` is for how long the deliveries and outputs of finished executions are kept,
    None for ever. ``max_request_bytes`` is what a body may have, however it comes. ``trace`` notes
    on the current span which execution it is about, and gives the ``traceparent`` by which others
    go on from it, None where nobody traces. ``broker_answers`` is False while jobs are known not to
    go out. ``mail`` is None where no mail is sent, ``replies`` says how
    answers to it are taken. ``sign_on`` is None where nobody signs in with OpenID Connect.
    """

    store: Store
    deployments: Deployments
    clock: Clock
    ids: Ids
    chance: Chance
    sender: Sender
    signer: Signer
    runners: Mapping[str, Runner]
    crash_point: Callable[[str], None]
    public_url: str | None = None
    send_limits: SendLimits = field(default_factory=SendLimits)
    keep_finished: timedelta | None = None
    max_request_bytes: int = 1024 * 1024
    trace: Callable[[str], str | None] = untraced
    broker_answers: Callable[[], bool] = lambda: True
    mail: MailIdentity | None = None
    sign_on: SignOn | None = None
    replies: Replies = field(default_factory=Replies)
