from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.api import create_app

if TYPE_CHECKING:
    from conftest import Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_a_page_that_says_how_things_stand(service: Service) -> None:
    page = service.client.get("/", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Ready. Does not load: broken" in page.text
    for link in ("/inbox", "/healthz", "/openapi.json"):
        assert f'href="{link}"' in page.text
        assert service.client.get(link).status_code == 200


def test_the_page_of_a_service_that_is_not_ready_says_so(serve: Callable[..., Service]) -> None:
    assert "No crew worker" in serve().client.get("/", headers=BROWSER).text


def test_a_client_with_a_token_gets_the_text_even_if_it_takes_pages(service: Service) -> None:
    assert service.get("/", headers=BROWSER).text == "Healthy"


def test_who_takes_no_page_and_has_no_token_is_refused(service: Service) -> None:
    assert service.client.get("/").status_code == 401


PREFLIGHT = {
    "Origin": "https://desk.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


def test_pages_of_elsewhere_may_not_call_by_default(service: Service) -> None:
    answer = service.client.options("/crews/plain/kickoff", headers=PREFLIGHT)
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_a_named_origin_may_call(service: Service) -> None:
    app = create_app(service.ports, max_request_bytes=1000, cors_origins=["https://desk.example"])
    client = type(service.client)(app)
    asked = client.options("/crews/plain/kickoff", headers=PREFLIGHT)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://desk.example"
    authorized = {"Authorization": f"Bearer {service.secret}", "Origin": "https://desk.example"}
    told = client.post("/crews/plain/kickoff", json={"inputs": {}}, headers=authorized)
    assert told.headers["access-control-allow-origin"] == "https://desk.example"
    assert "X-Request-ID" in told.headers["access-control-expose-headers"]
    elsewhere = client.options(
        "/crews/plain/kickoff", headers={**PREFLIGHT, "Origin": "https://x.example"}
    )
    assert "access-control-allow-origin" not in elsewhere.headers
