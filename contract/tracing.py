"""Traces for OpenTelemetry: one from a command's request through its lane to the webhook. Optional.

Off, nothing of OpenTelemetry is imported, and the trace that a client named is handed on all the same. On,
spans are sent in batches by a thread of the SDK; what cannot be sent is dropped: a trace is a view, not a
record. Users, payloads and credentials never stand in a span. Names and attributes follow the semantic
conventions for HTTP and messaging where there are any.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Protocol

from .settings import MissingSetting, Settings

Kind = Literal["server", "client", "consumer", "internal"]
Attributes = Mapping[str, str | int]

EXPORT_TIMEOUT_S: Final = 5
LINKS_MAX: Final = 128
"""Of one span, by the SDK's own limit."""


class Span(Protocol):
    """Something that began and has not ended."""

    context: str | None
    """The `traceparent` of what happens within it; None where there is no trace."""

    def end(self, attributes: Attributes, *, is_error: bool = False) -> None:
        """It ends now."""


class Tracing:
    """Traces that are off: nothing is recorded."""

    is_on = False

    def begin(self, name: str, kind: Kind, parent: str | None, attributes: Attributes) -> Span:  # noqa: ARG002
        """A span that begins now, in the trace of its parent or in a new one."""
        return _HandedOn(parent)

    def record(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        times_ms: tuple[int, int],
        attributes: Attributes,
        links: Iterable[str] = (),
    ) -> str | None:
        """A span that is over, with begin and end in Unix milliseconds; returns its `traceparent`. `links`
        are those of spans that it has to do with, in whatever trace."""

    def close(self) -> None:
        """Send what is still here."""


class _HandedOn:
    """No span: what is within it belongs to whoever asked."""

    def __init__(self, context: str | None) -> None:
        self.context = context

    def end(self, attributes: Attributes, *, is_error: bool = False) -> None:
        """Nothing was begun."""


def open_tracing(settings: Settings, process: str) -> Tracing:
    """Traces of this process, sent where the settings say, or off. Raises MissingSetting when the packages
    that send them are not installed."""
    if settings.otlp_url is None:
        return Tracing()
    try:
        return _Recording(settings.otlp_url, settings.trace_share, process)
    except ImportError as error:
        raise MissingSetting(
            "KEYLEDGER_OTLP_URL is set and OpenTelemetry is not installed: install keyledger[tracing], "
            "or unset it"
        ) from error


class _Recording(Tracing):
    """Traces that are on."""

    is_on = True

    def __init__(self, url: str, share: float, process: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

        self._api = trace
        self._kinds = {
            "server": trace.SpanKind.SERVER,
            "client": trace.SpanKind.CLIENT,
            "consumer": trace.SpanKind.CONSUMER,
            "internal": trace.SpanKind.INTERNAL,
        }
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(share),
            resource=Resource.create({"service.namespace": "keyledger", "service.name": process}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("keyledger")

    def begin(self, name: str, kind: Kind, parent: str | None, attributes: Attributes) -> Span:
        span = self._tracer.start_span(
            name, self._parent(parent), kind=self._kinds[kind], attributes=dict(attributes)
        )
        return _Begun(span, self._api)

    def record(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        times_ms: tuple[int, int],
        attributes: Attributes,
        links: Iterable[str] = (),
    ) -> str | None:
        began_ms, ended_ms = times_ms
        span = self._tracer.start_span(
            name,
            self._parent(parent),
            kind=self._kinds[kind],
            attributes=dict(attributes),
            links=[self._api.Link(self._context_of(link)) for link in links],
            start_time=began_ms * 1_000_000,
        )
        # The two are read off different clocks.
        span.end(max(began_ms, ended_ms) * 1_000_000)
        return _traceparent(span.get_span_context())

    def close(self) -> None:
        self._provider.shutdown()

    def _parent(self, traceparent: str | None) -> Any:
        if traceparent is None:
            return None
        return self._api.set_span_in_context(self._api.NonRecordingSpan(self._context_of(traceparent)))

    def _context_of(self, traceparent: str) -> Any:
        _, trace_id, span_id, flags = traceparent.split("-")
        return self._api.SpanContext(
            int(trace_id, 16),
            int(span_id, 16),
            is_remote=True,
            trace_flags=self._api.TraceFlags(int(flags, 16)),
        )


class _Begun:
    """A span of the SDK that has not ended."""

    def __init__(self, span: Any, api: Any) -> None:
        self._span = span
        self._api = api
        self.context: str | None = _traceparent(span.get_span_context())

    def end(self, attributes: Attributes, *, is_error: bool = False) -> None:
        self._span.set_attributes(attributes)
        if is_error:
            self._span.set_status(self._api.StatusCode.ERROR)
        self._span.end()


def _traceparent(context: Any) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
