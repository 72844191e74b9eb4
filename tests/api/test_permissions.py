"""Who may call what: every route and every role, from a table that has to name each route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import Browser
from policies import ANN, BEN, CAT, DAN, policy

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Grants, Permission
from orchestrator.usecases.access.sessions import sign_in_person
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response

VIEW, RESPOND, MANAGE = Permission
ANYBODY, ANY_TOKEN = "anybody", "any token"
EVERYWHERE, SOMEWHERE = "everywhere", "somewhere"
"""Needed for what is of no one deployment: nothing, a live token, a permission in all or one."""

LATER = "2999-01-01T00:00:00+00:00"

_CREW: dict[str, tuple[Any, Any]] = {
    "GET /": (VIEW, None),
    "GET /inputs": (VIEW, None),
    "GET /status/{kickoff_id}": (VIEW, None),
    "GET /{kickoff_id}/status": (VIEW, None),
    "POST /kickoff": (MANAGE, {"inputs": {"topic": "x"}}),
    "POST /resume": (
        RESPOND,
        {"execution_id": "EXECUTION", "task_id": "write", "is_approve": True, "output_digest": "x"},
    ),
    "POST /stop/{kickoff_id}": (MANAGE, None),
}

CALLS: dict[str, tuple[Any, Any]] = {
    **{key.replace(" /", " /crews/{deployment}/"): needed for key, needed in _CREW.items()},
    "GET /crews/{deployment}": (VIEW, None),
    "POST /v1/reviews/{review_id}/respond": (ANYBODY, {}),
    "POST /crewai_plus/api/v1/human_feedback_requests/{review_id}/respond": (ANYBODY, {}),
    "GET /v1/deployments": (ANY_TOKEN, None),
    "GET /v1/executions": (ANY_TOKEN, None),
    "GET /v1/executions/{execution_id}": (VIEW, None),
    "GET /v1/executions/{execution_id}/timeline": (VIEW, None),
    "GET /v1/executions/{execution_id}/graph.svg": (VIEW, None),
    "GET /v1/executions/{execution_id}/events": (VIEW, None),
    "GET /v1/executions/{execution_id}/checkpoints": (VIEW, None),
    "POST /v1/executions/{execution_id}/retry": (MANAGE, None),
    "POST /v1/executions/stop": (MANAGE, {"deployment": "news", "state": "RUNNING"}),
    "POST /v1/batches": (MANAGE, {"deployment": "news", "inputs": [{"topic": "x"}]}),
    "GET /v1/batches/{batch_id}": (VIEW, None),
    "GET /v1/deployments/{name}/events": (VIEW, None),
    "POST /v1/deployments/{deployment}/rotate-secret": (MANAGE, None),
    "GET /v1/reviews": (ANY_TOKEN, None),
    "GET /v1/reviews/events": (ANY_TOKEN, None),
    "GET /v1/reviews/{review_id}": (VIEW, None),
    "POST /v1/reviews/{review_id}/answer": (RESPOND, {"is_approve": True, "output_digest": "x"}),
    "POST /v1/reviews/{review_id}/claim": (RESPOND, {"person": ANN}),
    "POST /v1/reviews/{review_id}/release": (RESPOND, {"person": ANN}),
    "POST /v1/reviews/{review_id}/delegate": (RESPOND, {"person": ANN, "to": CAT}),
    "POST /v1/reviews/{review_id}/snooze": (RESPOND, {"person": CAT, "until": LATER}),
    "POST /v1/reviews/{review_id}/take-back": (RESPOND, {}),
    "POST /v1/reviews/{review_id}/reassign": (MANAGE, {"to": [BEN]}),
    "POST /v1/reviews/{review_id}/reroute": (MANAGE, None),
    "GET /v1/analytics": ((ANY_TOKEN, MANAGE), None),
    "GET /v1/absences": ((EVERYWHERE, VIEW), None),
    "PUT /v1/absences/{address}": ((EVERYWHERE, RESPOND), {"until": LATER}),
    "DELETE /v1/absences/{address}": ((EVERYWHERE, RESPOND), None),
    "GET /v1/deliveries": (ANY_TOKEN, None),
    "GET /v1/deliveries/{delivery_id}": (VIEW, None),
    "POST /v1/deliveries/replay": (MANAGE, {"deployment": "news", "state": "BLOCKED"}),
    "POST /v1/deliveries/{delivery_id}/replay": (MANAGE, None),
    "GET /v1/endpoints": (ANY_TOKEN, None),
    "GET /v1/endpoints/{endpoint_id}": (VIEW, None),
    "POST /v1/endpoints/{endpoint_id}/disable": (MANAGE, {"reason": "x"}),
    "POST /v1/endpoints/{endpoint_id}/enable": (MANAGE, None),
    "PUT /v1/endpoints/{endpoint_id}/settings": (MANAGE, {}),
    "POST /v1/endpoints/{endpoint_id}/rotate": (MANAGE, None),
    "POST /v1/endpoints/{endpoint_id}/ping": (MANAGE, None),
    "GET /v1/messages": ((ANY_TOKEN, MANAGE), None),
    "GET /v1/mails": ((ANY_TOKEN, MANAGE), None),
    "GET /v1/audit": ((EVERYWHERE, MANAGE), None),
    "GET /metrics": ((EVERYWHERE, VIEW), None),
    "POST /v1/inbound/mailgun": (ANYBODY, {}),
    "POST /v1/inbound/mailgun/mime": (ANYBODY, {}),
    "POST /v1/inbound/ses": (ANYBODY, {}),
    "GET /livez": (ANYBODY, None),
    "GET /healthz": (ANYBODY, None),
    "GET /healthcheck": (ANYBODY, None),
    "GET /crews/{deployment}/healthcheck": (ANYBODY, None),
    "GET /openapi.json": (ANYBODY, None),
    "POST /v1/executions/{execution_id}/fork": (MANAGE, {"checkpoint": 0}),
    "POST /v1/reviews/{review_id}/withdraw": (MANAGE, {"reason": "x"}),
    "POST /v1/executions/{execution_id}/rewind": (MANAGE, {"checkpoint": 0}),
}
"""Each call of the API, what is needed for it, and a body that it takes."""

PAGES: dict[str, Any] = {
    "GET /r/{token}": ANYBODY,
    "POST /r/{token}": ANYBODY,
    "GET /inbox/sign-in": ANYBODY,
    "POST /inbox/sign-in": ANYBODY,
    "POST /inbox/sign-in/mail": ANYBODY,
    "GET /inbox/sign-in/{secret}": ANYBODY,
    "POST /inbox/sign-in/{secret}": ANYBODY,
    "POST /inbox/sign-in/with": ANYBODY,
    "GET /inbox/sign-in/with/back": ANYBODY,
    "POST /inbox/sign-out": ANYBODY,
    "GET /inbox": ANYBODY,
    "GET /inbox/done": ANYBODY,
    "GET /inbox/events": ANYBODY,
    "POST /inbox/bulk": ANYBODY,
    "GET /inbox/assets/{name}": ANYBODY,
    "GET /inbox/reviews/{review_id}": VIEW,
    "GET /inbox/reviews/{review_id}/events": ANYBODY,
    "POST /inbox/reviews/{review_id}": RESPOND,
    "POST /inbox/reviews/{review_id}/claim": RESPOND,
    "POST /inbox/reviews/{review_id}/release": RESPOND,
    "POST /inbox/reviews/{review_id}/delegate": RESPOND,
    "POST /inbox/reviews/{review_id}/take-back": RESPOND,
    "GET /inbox/executions": ANYBODY,
    "GET /inbox/executions/{execution_id}": VIEW,
    "POST /inbox/executions/{execution_id}/stop": MANAGE,
    "POST /inbox/executions/{execution_id}/retry": MANAGE,
    "GET /inbox/endpoints": ANYBODY,
    "GET /inbox/endpoints/{endpoint_id}": VIEW,
    "POST /inbox/endpoints/{endpoint_id}/replay": MANAGE,
    "POST /inbox/endpoints/{endpoint_id}/disable": MANAGE,
    "POST /inbox/endpoints/{endpoint_id}/enable": MANAGE,
    "GET /inbox/deliveries": ANYBODY,
    "POST /inbox/deliveries/{delivery_id}/replay": MANAGE,
    "GET /inbox/messages": ANYBODY,
    "GET /inbox/mails": ANYBODY,
    "GET /inbox/deployments": ANYBODY,
    "GET /inbox/doctor": ANYBODY,
    "GET /inbox/analytics": (SOMEWHERE, MANAGE),
    "GET /inbox/analytics/{key}.csv": (SOMEWHERE, MANAGE),
}
"""Each page of the inbox, and what is needed for it."""


def routes(app: Any, prefix: str = "") -> Iterator[str]:
    """All routes, each as its method and its path."""
    for route in app.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router, prefix + route.include_context.prefix)
        else:
            yield from (f"{each} {prefix}{route.path}" for each in route.methods - {"HEAD"})


TOKENS: dict[str, tuple[str | None, Permission]] = {
    "another's": ("sport", MANAGE),
    "a viewer's": ("news", VIEW),
    "a responder's": ("news", RESPOND),
    "a manager's": ("news", MANAGE),
    "a viewer's of all": (None, VIEW),
    "a responder's of all": (None, RESPOND),
    "a manager's of all": (None, MANAGE),
}


def suffices(of: str | None, has: Permission, needed: Any) -> bool:
    """What the table says of a token of one deployment, or of all."""
    if needed in (ANYBODY, ANY_TOKEN):
        return True
    if isinstance(needed, tuple):
        return (needed[0] == ANY_TOKEN or of is None) and has.includes(needed[1])
    return of != "sport" and has.includes(needed)


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """Two deployments; in one of them people have permissions."""
    grants = Grants({"@view.example": VIEW, BEN: RESPOND, CAT: MANAGE})
    declared = {
        name: Deployment(
            name, RunnerKind.FUNCTIONS, "api_test_crews:article", review_policy=rule, grants=given
        )
        for name, rule, given in (("news", policy(ANN), grants), ("sport", policy(ANN), Grants()))
    }
    served = serve(DeploymentFile(declared, "news"))
    served.load()
    return served


class Halted:
    """An execution that waits, and the ids of all that is about it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        named = {"humanInputWebhookUrl": "https://hooks.example/x"}
        self.execution_id = service.halted("news", **named)
        review_id = service.pending(self.execution_id, "news")["task_id"]
        (sent,) = service.get(f"/v1/deliveries?execution_id={self.execution_id}").json()[
            "deliveries"
        ]
        batch = {"deployment": "news", "inputs": [{"topic": "x"}]}
        self.ids = {
            "deployment": "news",
            "name": "news",
            "kickoff_id": self.execution_id,
            "execution_id": self.execution_id,
            "review_id": review_id,
            "delivery_id": sent["delivery_id"],
            "endpoint_id": sent["endpoint_id"],
            "batch_id": service.post("/v1/batches", batch).json()["batch_id"],
            "address": DAN,
            "token": "none",
            "key": "outcomes",
            "secret": "none",
        }

    def call(self, key: str, body: Any, secret: str) -> Response:
        method, path = key.split(" ")
        if path.endswith("/events"):
            method = "HEAD"  # or one would listen for ever
        if body and "execution_id" in body:
            body = {**body, "execution_id": self.execution_id}
        more = {} if body is None else {"json": body}
        return self.service.call(method, path.format(**self.ids), secret, **more)


def test_the_tables_name_every_route(service: Service) -> None:
    served = set(routes(service.client.app)) - set(_CREW)
    assert served == CALLS.keys() | PAGES.keys()


@pytest.mark.parametrize("whose", TOKENS)
def test_a_token_may_do_what_it_is_for(service: Service, whose: str) -> None:
    of, has = TOKENS[whose]
    secret = create_token(service.ports, whose, of, permission=has)[1]
    halted = Halted(service)
    wrong = {}
    for key, (needed, body) in CALLS.items():
        if needed == ANYBODY:
            continue
        status = halted.call(key, body, secret).status_code
        if (status not in (401, 403, 404)) is not suffices(of, has, needed):
            wrong[key] = status
        if of == "news" and not suffices(of, has, needed) and status not in (401, 403):
            wrong[key] = status
    assert wrong == {}


def test_without_a_token_there_is_nothing(service: Service) -> None:
    halted = Halted(service)
    told = {
        key: halted.call(key, body, "no token").status_code
        for key, (needed, body) in CALLS.items()
        if needed != ANYBODY
    }
    assert set(told.values()) == {401}, told


PEOPLE: dict[str, Permission | None] = {
    "eve@elsewhere.example": None,
    "eve@view.example": VIEW,
    BEN: RESPOND,
    CAT: MANAGE,
    ANN: RESPOND,
}
"""Who may do what on pages; the last one has no permission, and is asked."""


@pytest.mark.parametrize("person", PEOPLE)
def test_pages_are_for_those_who_may_see_them(service: Service, person: str) -> None:
    halted = Halted(service)
    browser = Browser(service)
    browser.begin(sign_in_person(service.ports, person))
    has = PEOPLE[person]
    for key, needed in PAGES.items():
        if needed == ANYBODY:
            continue
        method, path = key.split(" ")
        path = path.format(**halted.ids)
        told = browser.get(path) if method == "GET" else browser.send(path, to=DAN, sure="yes")
        if isinstance(needed, tuple):
            may = has is not None and has.includes(needed[1])
            assert told.status_code == (200 if may else 403), key
        elif has is None or (person == ANN and "/reviews/" not in key):
            assert told.status_code == 404, key
        elif not has.includes(needed):
            assert told.status_code == 403, key
        else:
            assert told.status_code != 404, key
            assert "You may look at" not in told.text, key


def test_without_a_session_a_page_asks_who_it_is(service: Service) -> None:
    halted = Halted(service)
    for key, needed in PAGES.items():
        method, path = key.split(" ")
        if needed != ANYBODY and method == "GET":
            told = Browser(service).get(path.format(**halted.ids))
            assert told.status_code == 303
            assert told.headers["Location"].startswith("/inbox/sign-in?")


def test_lists_have_what_one_may_see(service: Service) -> None:
    Halted(service)
    service.halted("sport")
    listed = {}
    for person in PEOPLE:
        browser = Browser(service)
        browser.begin(sign_in_person(service.ports, person))
        listed[person] = browser.text("/inbox?whose=all").count("</a> of ")
    assert listed == {"eve@elsewhere.example": 0, "eve@view.example": 2, BEN: 2, CAT: 2, ANN: 0}
    browser = Browser(service)
    browser.begin(sign_in_person(service.ports, ANN))
    assert browser.text("/inbox").count("</a> of ") == 3
