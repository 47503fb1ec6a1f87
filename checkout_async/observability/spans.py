"""Spans: one of kind INTERNAL for each call and token fetch, and in it one of kind CLIENT for each HTTP exchange.

Only the OpenTelemetry hook imports this module. It never makes a span the current one: events of one call may come from
different tasks, and a context must be left in the task that entered it.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from checkout_async._core.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallInfo,
    CallStarted,
    Event,
    RetryScheduled,
    Waited,
)
from checkout_async._version import __version__
from checkout_async.errors import CheckoutError
from checkout_async.observability import semconv
from checkout_async.observability.error_labels import attempt_error, call_error, error_text
from checkout_async.redaction import scrub

__all__ = ["Spans"]


@dataclass(slots=True)
class _CallSpans:
    """The spans of a call in progress, and the context of its attempts."""

    call: Span
    context: Context
    attempt: Span | None = None


class Spans:
    """Starts and ends spans at events. It keeps the spans of calls in progress only."""

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        self._tracer = trace.get_tracer(semconv.SCOPE, __version__, provider, semconv.SCHEMA_URL)
        self._in_progress: dict[CallInfo, _CallSpans] = {}

    def __call__(self, event: Event) -> None:
        """Start, change or end the spans of the event's call."""
        if isinstance(event, CallStarted):
            self._in_progress[event.call] = self._start(event.call)
        elif (spans := self._in_progress.get(event.call)) is not None:
            self._update(spans, event)

    def _update(self, spans: _CallSpans, event: Event) -> None:
        match event:
            case AttemptStarted():
                spans.attempt = self._start_attempt(spans, event)
            case AttemptEnded():
                _end_attempt(spans, event)
            case Waited():
                attributes = {semconv.WAIT_REASON: event.reason.value, semconv.WAIT_SECONDS: event.seconds}
                spans.call.add_event("waited", attributes)
            case RetryScheduled():
                error = type(event.failure).__name__
                spans.call.add_event(
                    "retry scheduled", {semconv.ERROR_TYPE: error, semconv.WAIT_SECONDS: event.seconds}
                )
            case CallEnded():
                del self._in_progress[event.call]
                _end(spans, event)
            case _:
                pass  # a kind of event that a later version adds

    def _start(self, call: CallInfo) -> _CallSpans:
        parent = context.get_current()
        span = self._tracer.start_span(
            call.operation,
            parent,
            SpanKind.INTERNAL,
            {semconv.OPERATION: call.operation, semconv.IDEMPOTENCY: call.idempotency.value},
        )
        return _CallSpans(span, trace.set_span_in_context(span, parent))

    def _start_attempt(self, spans: _CallSpans, event: AttemptStarted) -> Span:
        attributes = semconv.exchange_attributes(event.call)
        if event.attempt > 1:
            attributes[semconv.RESEND_COUNT] = event.attempt - 1
        name = f"{event.call.method} {event.call.path}"
        return self._tracer.start_span(name, spans.context, SpanKind.CLIENT, attributes)


def _end_attempt(spans: _CallSpans, event: AttemptEnded) -> None:
    span, spans.attempt = spans.attempt, None
    if span is None:
        return
    _set_request_id(span, event)
    if event.status is not None:
        span.set_attribute(semconv.STATUS_CODE, event.status)
    _set_error(span, attempt_error(event), event.failure)
    span.end()


def _end(spans: _CallSpans, event: CallEnded) -> None:
    if spans.attempt is not None:  # a transport raised an exception that is not a CheckoutError
        spans.attempt.end()
    _set_request_id(spans.call, event)
    spans.call.set_attribute(semconv.ATTEMPTS, event.attempts)
    if event.ignored:
        spans.call.set_attribute(semconv.IGNORED, [scrub(path) for path in event.ignored])
    _set_error(spans.call, call_error(event), event.failure)
    spans.call.end()


def _set_request_id(span: Span, event: AttemptEnded | CallEnded) -> None:
    if event.request_id is not None:
        span.set_attribute(semconv.REQUEST_ID, scrub(event.request_id))


def _set_error(span: Span, error: str | None, failure: CheckoutError | None) -> None:
    if error is not None:
        span.set_attribute(semconv.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR, None if failure is None else error_text(failure)))
