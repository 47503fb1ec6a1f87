"""Spans: one of kind INTERNAL for each call and token fetch, inside it one of kind CLIENT for each HTTP exchange.

Loaded by the OpenTelemetry hook only. A span is never made the current one: events of one call may be told from
different tasks, and a context can be left only where it was entered.
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
class _Open:
    """The spans of a call under way, and the context of its attempts."""

    call: Span
    inside: Context
    attempt: Span | None = None


class Spans:
    """Begins and ends spans as events say. Holds those of calls under way, and nothing of a call that ended."""

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        self._tracer = trace.get_tracer(semconv.SCOPE, __version__, provider, semconv.SCHEMA_URL)
        self._open: dict[CallInfo, _Open] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, CallStarted):
            self._open[event.call] = self._begin(event.call)
        elif (spans := self._open.get(event.call)) is not None:
            self._follow(spans, event)

    def _follow(self, spans: _Open, event: Event) -> None:
        match event:
            case AttemptStarted():
                spans.attempt = self._begin_attempt(spans, event)
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
                del self._open[event.call]
                _end(spans, event)
            case _:
                pass  # a kind that a later version brings

    def _begin(self, call: CallInfo) -> _Open:
        around = context.get_current()
        span = self._tracer.start_span(
            call.operation,
            around,
            SpanKind.INTERNAL,
            {semconv.OPERATION: call.operation, semconv.IDEMPOTENCY: call.idempotency.value},
        )
        return _Open(span, trace.set_span_in_context(span, around))

    def _begin_attempt(self, spans: _Open, event: AttemptStarted) -> Span:
        attributes = semconv.exchange_attributes(event.call)
        if event.attempt > 1:
            attributes[semconv.RESEND_COUNT] = event.attempt - 1
        name = f"{event.call.method} {event.call.path}"
        return self._tracer.start_span(name, spans.inside, SpanKind.CLIENT, attributes)


def _end_attempt(spans: _Open, event: AttemptEnded) -> None:
    span, spans.attempt = spans.attempt, None
    if span is None:
        return
    _note_reply(span, event)
    if event.status is not None:
        span.set_attribute(semconv.STATUS_CODE, event.status)
    _note_error(span, attempt_error(event), event.failure)
    span.end()


def _end(spans: _Open, event: CallEnded) -> None:
    if spans.attempt is not None:  # a transport raised what is none of our errors
        spans.attempt.end()
    _note_reply(spans.call, event)
    spans.call.set_attribute(semconv.ATTEMPTS, event.attempts)
    if event.ignored:
        spans.call.set_attribute(semconv.IGNORED, [scrub(path) for path in event.ignored])
    _note_error(spans.call, call_error(event), event.failure)
    spans.call.end()


def _note_reply(span: Span, event: AttemptEnded | CallEnded) -> None:
    if event.request_id is not None:
        span.set_attribute(semconv.REQUEST_ID, scrub(event.request_id))


def _note_error(span: Span, error: str | None, failure: CheckoutError | None) -> None:
    if error is not None:
        span.set_attribute(semconv.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR, None if failure is None else error_text(failure)))
