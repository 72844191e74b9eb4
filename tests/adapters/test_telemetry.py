from __future__ import annotations

import pytest

from orchestrator.adapters import telemetry
from orchestrator.adapters.telemetry import Untraced, is_wanted
from orchestrator.adapters.telemetry.spans import named_resource

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


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "crew-orchestrator"),
        ({"OTEL_SERVICE_NAME": "crews"}, "crews"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=attributed"}, "attributed"),
    ],
)
def test_a_process_has_the_name_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], name: str
) -> None:
    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    assert named_resource().attributes["service.name"] == name
