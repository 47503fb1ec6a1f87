"""Metrics: the durations of exchanges, calls, token fetches and waits in seconds, and the number of retries.

Only the OpenTelemetry hook imports this module. Attributes have few different values: operations, servers, statuses,
classes of errors.
"""

from __future__ import annotations

from opentelemetry import metrics

from checkout_async._core.events import AttemptEnded, CallEnded, Event, RetryScheduled, TokenFetchEnded, Waited
from checkout_async._version import __version__
from checkout_async.observability import semconv
from checkout_async.observability.error_labels import attempt_error, call_error

__all__ = ["Metrics"]

Attributes = dict[str, str | int]


class Metrics:
    """Records measurements of events."""

    def __init__(self, provider: metrics.MeterProvider | None) -> None:
        self._meter = metrics.get_meter(semconv.SCOPE, __version__, provider, semconv.SCHEMA_URL)
        self._exchanges = self._histogram(
            "http.client.request.duration", "Duration of HTTP client requests.", semconv.BUCKETS
        )
        self._calls = self._histogram(
            "checkout_async.call.duration", "Duration of calls, with waits and retries.", semconv.CALL_BUCKETS
        )
        self._token_fetches = self._histogram(
            "checkout_async.token_fetch.duration", "Duration of fetching access tokens.", semconv.CALL_BUCKETS
        )
        self._waits = self._histogram(
            "checkout_async.limiter.wait",
            "Time that attempts waited before they started.",
            semconv.CALL_BUCKETS,
        )
        self._retries = self._meter.create_counter(
            "checkout_async.call.retries", "{retry}", "Retries of calls, by the error that caused them."
        )

    def __call__(self, event: Event) -> None:
        """Record the measurements of an event."""
        match event:
            case AttemptEnded():
                attributes = semconv.exchange_attributes(event.call)
                if event.status is not None:
                    attributes[semconv.STATUS_CODE] = event.status
                self._exchanges.record(event.seconds, _with_error(attributes, attempt_error(event)))
            case CallEnded():
                instrument = self._token_fetches if isinstance(event, TokenFetchEnded) else self._calls
                instrument.record(event.seconds, _with_error(_operation(event), call_error(event)))
            case Waited():
                self._waits.record(event.seconds, {**_operation(event), semconv.WAIT_REASON: event.reason.value})
            case RetryScheduled():
                self._retries.add(1, _with_error(_operation(event), type(event.failure).__name__))
            case _:
                pass  # starts are not measured; ends contain the duration

    def _histogram(self, name: str, description: str, buckets: tuple[float, ...]) -> metrics.Histogram:
        return self._meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=buckets)


def _operation(event: Event) -> Attributes:
    return {semconv.OPERATION: event.call.operation}


def _with_error(attributes: Attributes, error: str | None) -> Attributes:
    return attributes if error is None else {**attributes, semconv.ERROR_TYPE: error}
