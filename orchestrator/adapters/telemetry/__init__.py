"""Traces, where the extra ``otel`` is installed and an OTLP endpoint is set; else nothing at all.

One trace leads from a kickoff to the halt, another from the answer on, linked to the one before.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NEEDS_SDK = "orchestrator.adapters.telemetry.spans"
"""The module that imports OpenTelemetry. It is imported by name, and only where it is wanted."""


class Tracing(Protocol):
    """Makes spans."""

    def here(self, execution_id: str) -> str | None:
        """Note on the current span which execution it is about; returns its traceparent."""
        ...

    def job(
        self, name: str, trace: Mapping[str, str], execution_id: str
    ) -> AbstractContextManager[Any]:
        """The span of a job: ``trace`` has the traceparent of its cause, and of a trace before."""
        ...

    def requests(self, app: Any) -> Any:
        """The ASGI application with a span for each request."""
        ...


class Untraced:
    """Keeps ``Tracing`` where nobody listens."""

    def here(self, _execution_id: str) -> None:
        """Note nothing."""

    def job(
        self, _name: str, _trace: Mapping[str, str], _execution_id: str
    ) -> AbstractContextManager[None]:
        """No span."""
        return nullcontext()

    def requests(self, app: Any) -> Any:
        """The same application."""
        return app


@cache
def tracing() -> Tracing:
    """What makes the spans of this process."""
    if not is_wanted(os.environ):
        return Untraced()
    made: Tracing = importlib.import_module(NEEDS_SDK).otlp_tracing()
    return made


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether there is somebody to send traces to, and the means."""
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(environ.get(name) for name in ENDPOINTS):
        return False
    return _can_import("opentelemetry.sdk") and _can_import(
        "opentelemetry.exporter.otlp.proto.http"
    )


def _can_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
