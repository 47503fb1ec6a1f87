"""LoggingHook: logs the events of a client, with one fixed message for each kind of event and fields for machines.

Successful steps are logged at DEBUG. Events contain no bodies, headers, idempotency keys or identifiers in paths, and
so neither do records.
"""

from __future__ import annotations

import logging

from checkout_async._core.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallInfo,
    CallStarted,
    Event,
    RetryScheduled,
    TokenFetchEnded,
    TokenFetchStarted,
    Waited,
)
from checkout_async.errors import CheckoutError
from checkout_async.observability.error_labels import attempt_error, call_error, error_text
from checkout_async.redaction import scrub

__all__ = ["LoggingHook"]

Fields = dict[str, object]

# Without a prefix, names would collide with those of LogRecord, structlog (`event`) or log services (`status`, `host`).
_PREFIX = "checkout_"


class LoggingHook:
    """Logs each event: `CheckoutClient(hooks=[LoggingHook()])`.

    The end of a successful call has `level`; its steps have DEBUG. Retries and failed calls have WARNING. A failed or
    cancelled call that may have been carried out has ERROR. The names of a record's fields
    (`extra`) start with `checkout_`; docs/observability.md lists them.
    """

    def __init__(self, logger: logging.Logger | None = None, *, level: int = logging.DEBUG) -> None:
        """Log to `logger`, by default `checkout_async.calls`."""
        self._logger = logger or logging.getLogger("checkout_async.calls")
        self._level = level

    def __call__(self, event: Event, /) -> None:
        """Log an event."""
        match event:
            case CallStarted():
                kind = "token_fetch_started" if isinstance(event, TokenFetchStarted) else "call_started"
                self._log(logging.DEBUG, kind, event.call, "started", {})
            case CallEnded():
                self._call_ended(event)
            case AttemptStarted():
                self._log(logging.DEBUG, "attempt_started", event.call, "attempt started", {"attempt": event.attempt})
            case AttemptEnded():
                self._attempt_ended(event)
            case Waited():
                self._waited(event)
            case RetryScheduled():
                self._retry_scheduled(event)
            case _:
                pass  # a kind of event that a later version adds

    def _call_ended(self, event: CallEnded) -> None:
        level = self._severity(event)
        if not self._logger.isEnabledFor(level):
            return  # before the texts are searched for secrets, which takes 20 us
        error = call_error(event)
        fields: Fields = {
            "seconds": event.seconds,
            "attempts": event.attempts,
            "status": event.status,
            "request_id": _masked(event.request_id),
            "error": error,
            "error_text": _text(event.failure),
            "ignored": [scrub(path) for path in event.ignored],
        }
        kind = "token_fetch_ended" if isinstance(event, TokenFetchEnded) else "call_ended"
        self._log(level, kind, event.call, "failed" if error else "succeeded", fields)

    def _severity(self, event: CallEnded) -> int:
        if event.failure is None and not event.cancelled:
            return self._level
        if event.may_have_been_done:
            return logging.WARNING if isinstance(event, TokenFetchEnded) else logging.ERROR
        return logging.DEBUG if event.cancelled else logging.WARNING

    def _attempt_ended(self, event: AttemptEnded) -> None:
        if not self._logger.isEnabledFor(logging.DEBUG):
            return
        fields: Fields = {
            "attempt": event.attempt,
            "seconds": event.seconds,
            "status": event.status,
            "request_id": _masked(event.request_id),
            "error": attempt_error(event),
            "error_text": _text(event.failure),
        }
        self._log(logging.DEBUG, "attempt_ended", event.call, "attempt ended", fields)

    def _waited(self, event: Waited) -> None:
        fields: Fields = {"attempt": event.attempt, "seconds": event.seconds, "reason": event.reason.value}
        self._log(logging.DEBUG, "waited", event.call, "waited", fields)

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        fields: Fields = {
            "attempt": event.attempt,
            "seconds": event.seconds,
            "error": type(event.failure).__name__,
            "error_text": error_text(event.failure),
        }
        self._log(logging.WARNING, "retry_scheduled", event.call, "will be retried", fields)

    def _log(self, level: int, kind: str, call: CallInfo, message: str, fields: Fields) -> None:
        if not self._logger.isEnabledFor(level):
            return
        extra = {
            "event": kind,
            "operation": call.operation,
            "method": call.method,
            "path": call.path,
            "server": call.server,
            "port": call.port,
            **fields,
        }
        details = ", ".join(f"{name} {_format(value)}" for name, value in fields.items() if value not in (None, []))
        self._logger.log(
            level,
            "%s: %s%s",
            call.operation,
            message,
            f" ({details})" if details else "",
            extra={f"{_PREFIX}{name}": value for name, value in extra.items()},
        )


def _masked(request_id: str | None) -> str | None:
    return None if request_id is None else scrub(request_id)


def _text(failure: CheckoutError | None) -> str | None:
    return None if failure is None else error_text(failure)


def _format(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else value
