"""A person with a browser, for tests of the inbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi.testclient import TestClient
from policies import ANN

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e [x](javascript:alert(1))"

_SCRIPT = re.compile(r'<script(?! src="/inbox/assets/)')


def runs_a_script(text: str) -> bool:
    """Whether a page has one that is not a file of the inbox."""
    return bool(_SCRIPT.search(text))


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """Keeps cookies, follows no redirects, and sends the forms that it was shown."""

    def __init__(self, service: Service, base_url: str = "http://testserver") -> None:
        self.service = service
        self.client = TestClient(service.client.app, base_url=base_url, follow_redirects=False)
        self.csrf = ""
        self.token_id = ""

    def get(self, path: str, **more: Any) -> Response:
        return self.client.get(path, **more)

    def text(self, path: str) -> str:
        """A page that is there."""
        told = self.get(path)
        assert told.status_code == 200, told.text
        return told.text

    def send(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Response:
        said = {"csrf": self.csrf, **fields}
        return self.client.post(path, content=urlencode(said), headers={**FORM, **(headers or {})})

    def sign_in(
        self, person: str | None = None, deployment: str | None = None, name: str = "desk"
    ) -> Response:
        """With a new token."""
        token, secret = create_token(self.service.ports, name, deployment, person=person)
        self.token_id = token.id
        return self.use(secret)

    def use(self, secret: str, **more: Any) -> Response:
        told = self.send("/inbox/sign-in", token=secret, **more)
        if told.status_code == 303:
            self._note_csrf()
        return told

    def begin(self, session: str) -> None:
        """Have a session that began in another way."""
        self.client.cookies.set("inbox", session)
        self._note_csrf()

    def _note_csrf(self) -> None:
        (self.csrf,) = set(re.findall(r'name="csrf" value="([^"]*)"', self.text("/inbox")))


class Desk(Browser):
    """Somebody who is signed in, and a review of a deployment that waits."""

    def __init__(self, service: Service, of: str = "article", **who: Any) -> None:
        super().__init__(service)
        self.of = of
        self.execution_id = service.halted(of)
        self.review_id = service.pending(self.execution_id, of)["task_id"]
        self.sign_in(**(who or {"person": ANN}))

    @property
    def path(self) -> str:
        return f"/inbox/reviews/{self.review_id}"

    @property
    def review(self) -> dict[str, Any]:
        found: dict[str, Any] = self.service.get(f"/v1/reviews/{self.review_id}").json()
        return found

    def result(self) -> str:
        """What the execution ends with, once a worker has gone on."""
        self.service.work()
        return str(self.service.status(self.execution_id, self.of)["result"])
