"""Spans by OpenTelemetry's SDK, sent over OTLP/HTTP as its own OTEL_ variables say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

EXECUTION = "crew_orchestrator.execution_id"
HEADER = "traceparent"
BEFORE = "before"

_propagator = TraceContextTextMapPropagator()


def otlp_tracing() -> OtelTracing:
    """Tracing that exports; the provider is our own, whatever users' code or CrewAI install."""
    provider = TracerProvider(resource=named_resource())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracing(provider)


def named_resource() -> Resource:
    """What spans say of this process: the name that OpenTelemetry's variables give it, or ours."""
    found = Resource.create()
    if not str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found
    return found.merge(Resource({SERVICE_NAME: "crew-orchestrator"}))


class OtelTracing:
    """Keeps ``Tracing``."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("crew-orchestrator")

    def here(self, execution_id: str) -> str | None:
        """Note on the current span which execution it is about; returns its traceparent."""
        trace.get_current_span().set_attribute(EXECUTION, execution_id)
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(HEADER)

    @contextmanager
    def job(self, name: str, carried: Mapping[str, str], execution_id: str) -> Iterator[None]:
        """The span of a job, in the trace of its cause, linked to the trace before."""
        with self._tracer.start_as_current_span(
            name,
            context=_propagator.extract(carried),
            kind=SpanKind.CONSUMER,
            links=_links(carried.get(BEFORE)),
            attributes={EXECUTION: execution_id},
        ):
            yield

    def requests(self, app: Any) -> Any:
        """The ASGI application with a span for each request, in the caller's trace if any."""

        async def traced(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            carried = {
                key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
            }
            context = _propagator.extract(carried)
            name = scope["method"]
            with self._tracer.start_as_current_span(name, context, SpanKind.SERVER) as span:
                try:
                    await app(scope, receive, send)
                finally:
                    _describe(span, scope)

        return traced


def _links(before: str | None) -> list[Link]:
    if before is None:
        return []
    return [Link(trace.get_current_span(_propagator.extract({HEADER: before})).get_span_context())]


def _describe(span: trace.Span, scope: Mapping[str, Any]) -> None:
    """Name the span for its route, which is known only once the request was routed."""
    route = getattr(scope.get("route"), "path", None)
    if route:
        span.update_name(f"{scope['method']} {route}")
    about = scope.get("path_params", {})
    execution_id = about.get("kickoff_id") or about.get("execution_id")
    if execution_id:
        span.set_attribute(EXECUTION, str(execution_id))
