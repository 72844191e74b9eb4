"""What a person's mail links to, and who follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from browser import FORM
from policies import ANN

from orchestrator.ports import Ports, Transaction

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response


def links_of(ports: Ports, review_id: str) -> dict[str, str]:
    """The paths of the pages that people's mails about an open review link to, by address."""

    def read(tx: Transaction) -> dict[str, str]:
        asked = tx.recipients.of([review_id])
        tokens = {each.address: tx.recipients.token(each.id) for each in asked}
        return {address: f"/r/{token}" for address, token in tokens.items() if token}

    return ports.store.read(read)


class Link:
    """A review that waits, and the link of one of those who are asked in it.

    Without one, whoever uses it says in ``path`` which link it is.
    """

    def __init__(
        self, service: Service, deployment: str = "article", who: str | None = ANN, **kickoff: Any
    ) -> None:
        self.service = service
        self.deployment = deployment
        self._paths: dict[str, str] = {}
        self.path = ""
        self.execution_id = service.halted(deployment, **kickoff)
        self.review_id = service.pending(self.execution_id, deployment)["task_id"]
        if who is not None:
            self.become(who)

    def become(self, who: str) -> None:
        """Another one's link from now on; that of a closed review has to be known from before."""
        self._paths |= links_of(self.service.ports, self.review_id)
        self.path = self._paths[who]

    def open(self, query: str = "", method: str = "GET", **more: Any) -> Response:
        return self.service.client.request(
            method, self.path + query, follow_redirects=False, **more
        )

    def send(self, **fields: str) -> Response:
        return self.open("", "POST", content=urlencode(fields), headers=FORM)

    @property
    def review(self) -> dict[str, Any]:
        found: dict[str, Any] = self.service.get(f"/v1/reviews/{self.review_id}").json()
        return found

    def result(self) -> str:
        """What the execution ends with, once a worker has gone on."""
        self.service.work()
        return str(self.service.status(self.execution_id, self.deployment)["result"])
