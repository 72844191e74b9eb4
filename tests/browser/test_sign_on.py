"""Sign in with an issuer of OpenID Connect, by a real browser that keeps the policy of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from issuer import issuing
from playwright.sync_api import Browser, expect
from service import Service
from sitting import Sitting

ANN = "ann@example.com"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One where people sign in with an issuer that knows Ann."""
    folder: Path = tmp_path_factory.mktemp("sign-on")
    with issuing([{"sub": "ann", "email": ANN, "email_verified": True}]) as url:
        known_as = {"oidc_client_id": "crews", "oidc_client_secret": "a secret"}
        service = Service(folder, oidc_issuer=url, oidc_name="Example Inc.", **known_as)
        service.environment["ORCHESTRATOR_PUBLIC_URL"] = service.url
        with service:
            yield service


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_the_button_leads_to_the_issuer_and_back(
    service: Service, driven: Browser, *, javascript: bool
) -> None:
    sitting = Sitting(service, driven.new_context(java_script_enabled=javascript))
    sitting.go("/inbox")
    page = sitting.page
    page.get_by_role("button", name="Sign in with Example Inc.").click()
    page.get_by_role("button", name="ann").click()
    expect(page.get_by_role("heading", name="Waiting")).to_be_visible()
    expect(page.get_by_text(ANN).first).to_be_visible()
    sitting.leave()
