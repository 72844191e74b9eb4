from __future__ import annotations

import pytest

from orchestrator.adapters import telemetry
from orchestrator.adapters.telemetry import Untraced, is_wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert not is_wanted({})


def test_with_an_endpoint_and_the_extra_it_is() -> None:
    assert is_wanted(ENDPOINT)


def test_opentelemetrys_own_switch_counts() -> None:
    assert not is_wanted({**ENDPOINT, "OTEL_SDK_DISABLED": "true"})


def test_without_the_extra_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_can_import", lambda _: False)
    assert not is_wanted(ENDPOINT)


def test_untraced_is_in_nobodys_way() -> None:
    app = object()
    with Untraced().job("name", {}, "id"):
        assert Untraced().requests(app) is app
        assert Untraced().here("id") is None
