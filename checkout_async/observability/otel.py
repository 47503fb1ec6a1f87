"""OpenTelemetryHook: what a client does as spans and metrics. Needs the extra `otel`, loaded when a hook is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkout_async._core.events import Event
from checkout_async.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetryHook"]


class OpenTelemetryHook:
    """Makes a span of each call and of each HTTP exchange in it, and measures both.

    The span of a call is a child of the span that is current where the call begins. docs/observability.md lists spans,
    attributes and metrics. Nothing is sent to the API about a trace. One hook serves any number of clients.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        """Use the given providers, or the global ones. Raises ConfigurationError where opentelemetry-api is missing."""
        try:
            from checkout_async.observability.metrics import Metrics  # noqa: PLC0415 - an extra
            from checkout_async.observability.spans import Spans  # noqa: PLC0415 - an extra
        except ImportError as error:
            message = "OpenTelemetryHook needs opentelemetry-api 1.30 or newer: pip install 'checkout-async[otel]'"
            raise ConfigurationError(message) from error
        self._spans = Spans(tracer_provider)
        self._metrics = Metrics(meter_provider)

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        self._spans(event)
        self._metrics(event)
