from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.jobs import DRAIN
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.webhooks.deliver import drain

if TYPE_CHECKING:
    from conftest import Service

HOOK = "https://93.184.215.14/hook"
"""A public address, so that nothing has to be resolved; nothing is sent in these tests."""
DELIVERIES = "/v1/deliveries"
ENDPOINTS = "/v1/endpoints"


def kicked_off(service: Service, **more: Any) -> str:
    """An execution that told its only task and its end to the hook."""
    execution_id = service.start("plain", taskWebhookUrl=HOOK, crewWebhookUrl=HOOK, **more)
    drains = [job for job in service.jobs if job.name == DRAIN]
    service.work()
    service.jobs.extend(drains)
    return execution_id


def the_endpoint(service: Service) -> str:
    (endpoint,) = service.get(ENDPOINTS).json()["endpoints"]
    return str(endpoint["endpoint_id"])


def cancel_all(service: Service) -> None:
    """Disable the endpoint, and have what waits there cancelled."""
    endpoint_id = the_endpoint(service)
    assert service.post(f"{ENDPOINTS}/{endpoint_id}/disable?reason=moved").status_code == 200
    drain(service.ports, endpoint_id, "w-1")


@pytest.fixture
def stranger(service: Service) -> str:
    """The secret of a token that is valid for another deployment."""
    return create_token(service.ports, "stranger", "article")[1]


def test_deliveries_are_listed_newest_first_page_by_page(service: Service) -> None:
    kicked_off(service)
    whole = service.get(DELIVERIES).json()["deliveries"]
    first = service.get(f"{DELIVERIES}?limit=1").json()
    second = service.get(f"{DELIVERIES}?limit=1&cursor={first['next']}").json()

    assert [one["kind"] for one in whole] == ["crew", "task"]
    assert [first["deliveries"][0], second["deliveries"][0]] == whole


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=PENDING", 2),
        ("state=DELIVERED", 0),
        ("deployment=plain", 2),
        ("deployment=article", 0),
        ("execution_id=none", 0),
        ("endpoint_id=none", 0),
    ],
)
def test_deliveries_are_filtered(service: Service, query: str, count: int) -> None:
    kicked_off(service)

    assert len(service.get(f"{DELIVERIES}?{query}").json()["deliveries"]) == count


def test_deliveries_of_an_execution_are_found(service: Service) -> None:
    execution_id = kicked_off(service)
    kicked_off(service)

    found = service.get(f"{DELIVERIES}?execution_id={execution_id}").json()["deliveries"]
    assert {one["execution_id"] for one in found} == {execution_id}
    assert len(found) == 2


def test_a_delivery_is_told_with_its_body_and_tries(service: Service) -> None:
    kicked_off(service)
    line = service.get(DELIVERIES).json()["deliveries"][0]
    record = service.get(f"{DELIVERIES}/{line['delivery_id']}").json()

    assert record == {**line, "body": record["body"], "tries": []}
    assert '"status":"completed"' in record["body"]


def test_a_cancelled_delivery_is_replayed(service: Service) -> None:
    kicked_off(service)
    cancel_all(service)
    (one, _) = service.get(DELIVERIES).json()["deliveries"]
    assert (one["state"], "moved" in one["reason"]) == ("CANCELLED", True)

    replayed = service.post(f"{DELIVERIES}/{one['delivery_id']}/replay").json()
    assert (replayed["state"], replayed["delivery_id"]) == ("PENDING", one["delivery_id"])


def test_what_is_still_tried_is_not_replayed(service: Service) -> None:
    kicked_off(service)
    one = service.get(DELIVERIES).json()["deliveries"][0]

    assert service.post(f"{DELIVERIES}/{one['delivery_id']}/replay").status_code == 409


def test_many_are_replayed_by_a_filter(service: Service) -> None:
    execution_id = kicked_off(service)
    cancel_all(service)

    told = service.post(f"{DELIVERIES}/replay", {"execution_id": execution_id})
    assert told.json() == {"replayed": 2}


@pytest.mark.parametrize("body", [{}, {"states": 1}, {"since": "2026-01-01T00:00:00"}, []])
def test_a_replay_has_to_say_what_it_means(service: Service, body: Any) -> None:
    assert service.post(f"{DELIVERIES}/replay", body).status_code == 422


def test_a_token_sees_its_own_deployments_alone(service: Service, stranger: str) -> None:
    kicked_off(service)
    delivery = service.get(DELIVERIES).json()["deliveries"][0]["delivery_id"]
    endpoint = the_endpoint(service)

    assert service.get(DELIVERIES, stranger).json()["deliveries"] == []
    assert service.get(ENDPOINTS, stranger).json()["endpoints"] == []
    for path in (f"{DELIVERIES}/{delivery}", f"{ENDPOINTS}/{endpoint}"):
        assert service.get(path, stranger).status_code == 404
    for path in ("disable", "enable", "rotate", "ping"):
        assert service.post(f"{ENDPOINTS}/{endpoint}/{path}", None, stranger).status_code == 404


def test_an_endpoint_is_told_without_what_may_be_secret(service: Service) -> None:
    service.start("plain", taskWebhookUrl=f"{HOOK}?key=hidden")
    service.work()
    (endpoint,) = service.get(ENDPOINTS).json()["endpoints"]

    assert endpoint["url"] == f"{HOOK}?…"
    assert (endpoint["state"], endpoint["waiting"]) == ("ENABLED", 1)


def test_an_endpoint_is_enabled_again(service: Service) -> None:
    kicked_off(service)
    cancel_all(service)
    path = f"{ENDPOINTS}/{the_endpoint(service)}"
    assert service.get(path).json()["state"] == "DISABLED"

    assert service.post(f"{path}/enable").json()["state"] == "ENABLED"


def test_an_endpoints_settings_are_replaced(service: Service) -> None:
    kicked_off(service)
    path = f"{ENDPOINTS}/{the_endpoint(service)}/settings"
    told = service.call("PUT", path, json={"stop_on_4xx": True, "most_sends": 2}).json()

    assert (told["stop_on_4xx"], told["most_sends"]) == (True, 2)
    assert service.call("PUT", path, json={"most_sends": 0}).status_code == 422


def test_a_new_secret_is_told_once(service: Service) -> None:
    kicked_off(service)
    path = f"{ENDPOINTS}/{the_endpoint(service)}"
    secret = service.post(f"{path}/rotate").json()["secret"]

    assert secret.startswith("whsec_")
    assert secret not in service.get(path).text


def test_a_deployment_gets_a_secret_of_its_own(service: Service, stranger: str) -> None:
    path = "/v1/deployments/plain/rotate-secret"

    assert service.post(path).json()["secret"].startswith("whsec_")
    assert service.post(path, None, stranger).status_code == 401


def test_a_ping_tells_what_came_of_it(service: Service) -> None:
    service.ports.store.transact(
        lambda tx: tx.endpoints.ensure(
            "plain", "http://127.0.0.1/", None, service.ports.clock.now()
        )
    )
    told = service.post(f"{ENDPOINTS}/{the_endpoint(service)}/ping").json()

    assert (told["succeeded"], "error" in told) == (False, True)
