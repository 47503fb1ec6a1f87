"""OpenTelemetryHook: spans and metrics of a client's calls. It imports the extra `otel` when it is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkout_async._core.events import Event
from checkout_async.errors import MissingExtra

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetryHook"]


class OpenTelemetryHook:
    """Creates a span for each call and for each HTTP exchange in it, and records metrics of both.

    The span of a call is a child of the span that is current when the call starts. docs/observability.md lists spans,
    attributes and metrics. The hook sends no trace headers to the API. Any number of clients may share one hook.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        """Use the given providers, or the global ones. Raises MissingExtra if opentelemetry-api is missing."""
        try:
            from checkout_async.observability.metrics import Metrics  # noqa: PLC0415 - an extra
            from checkout_async.observability.spans import Spans  # noqa: PLC0415 - an extra
        except ImportError as error:
            message = "OpenTelemetryHook needs opentelemetry-api 1.30 or newer: pip install 'checkout-async[otel]'"
            raise MissingExtra(message) from error
        self._spans = Spans(tracer_provider)
        self._metrics = Metrics(meter_provider)

    def __call__(self, event: Event, /) -> None:
        """Record an event in spans and metrics."""
        self._spans(event)
        self._metrics(event)
