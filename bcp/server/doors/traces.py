"""Traces by OpenTelemetry, where the extra is installed and an endpoint is configured:
one span a request, without its path's secrets."""

from __future__ import annotations

from typing import Any

from bcp.kernel.errors import Invalid
from bcp.server.doors.guard import shown


def set_up(app: Any, endpoint: str) -> None:
    """Begin to trace. Raises ``Invalid`` without the extra."""
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise Invalid("serve: traces: needs the extra 'otel'", hint="pip install 'bcp-mail[otel]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "bcp"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    app.add_middleware(Spans, tracer=provider.get_tracer("bcp"))


class Spans:
    """One span a request."""

    def __init__(self, app: Any, tracer: Any) -> None:
        self.app, self.tracer = app, tracer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] == "/events":
            await self.app(scope, receive, send)
            return
        with self.tracer.start_as_current_span(f"{scope['method']} {shown(scope['path'])}") as span:

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, answer)
