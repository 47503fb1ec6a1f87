"""LoggingHook: quiet for success, loud for an unknown outcome, the same fields in every record, no secret."""

from __future__ import annotations

import logging

import pytest

from checkout_async import errors
from checkout_async._core.wire import Idempotency
from checkout_async.models import payments
from checkout_async.observability import (
    CallEnded,
    Event,
    LoggingHook,
    RetryScheduled,
    TokenFetchEnded,
    TokenFetchStarted,
    Waited,
    WaitReason,
)
from checkout_async.sandbox import CannedResponse, Sandbox, payment_card
from tests.observability.support import REQUEST_ID, call, one_exchange


class RecordList(logging.Handler):
    """Keeps the records that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def recording_logger(at: int) -> tuple[logging.Logger, RecordList]:
    logger, kept = logging.getLogger("tests.observability"), RecordList()
    logger.setLevel(at)
    logger.propagate = False
    logger.handlers = [kept]
    return logger, kept


def logged(*events: Event, at: int = logging.DEBUG, level: int = logging.DEBUG) -> list[logging.LogRecord]:
    logger, kept = recording_logger(at)
    hook = LoggingHook(logger, level=level)
    for event in events:
        hook(event)
    return kept.records


def ended(
    failure: errors.CheckoutError | None, kind: Idempotency, *, cancelled: bool = False, doubtful: bool = False
) -> CallEnded:
    return CallEnded(
        call=call(kind),
        seconds=1.0,
        attempts=1,
        status=None,
        request_id=None,
        failure=failure,
        cancelled=cancelled,
        may_have_been_done=doubtful,
    )


def test_a_call_that_succeeds_is_logged_step_by_step_at_debug_only() -> None:
    records = logged(*one_exchange(call()))
    assert [vars(record)["checkout_event"] for record in records] == [
        "call_started",
        "attempt_started",
        "attempt_ended",
        "call_ended",
    ]
    assert {record.levelno for record in records} == {logging.DEBUG}
    assert logged(*one_exchange(call()), at=logging.INFO) == []


def test_the_level_is_that_of_the_record_at_a_successful_end() -> None:
    (record,) = logged(*one_exchange(call()), at=logging.INFO, level=logging.INFO)
    assert record.getMessage() == (
        f"capture_payment: succeeded (seconds 0.250, attempts 1, status 202, request_id {REQUEST_ID})"
    )


def test_the_fields_of_a_record() -> None:
    fields = {name: value for name, value in vars(logged(*one_exchange(call()))[-1]).items() if "checkout_" in name}
    assert fields == {
        "checkout_event": "call_ended",
        "checkout_operation": "capture_payment",
        "checkout_method": "POST",
        "checkout_path": "/payments/{id}/captures",
        "checkout_server": "api.example",
        "checkout_port": 443,
        "checkout_seconds": 0.25,
        "checkout_attempts": 1,
        "checkout_status": 202,
        "checkout_request_id": REQUEST_ID,
        "checkout_error": None,
        "checkout_error_text": None,
        "checkout_ignored": [],
    }


def test_a_retry_is_a_warning_and_a_wait_is_not() -> None:
    retry = RetryScheduled(call=call(), attempt=1, seconds=0.5, failure=errors.ConnectFailed("no connection"))
    waited = Waited(call=call(), attempt=1, reason=WaitReason.RATE, seconds=0.1)
    first, second = logged(retry, waited)
    assert (first.levelno, first.getMessage()) == (
        logging.WARNING,
        "capture_payment: will be retried (attempt 1, seconds 0.500, error ConnectFailed, error_text no connection)",
    )
    assert (second.levelno, vars(second)["checkout_reason"]) == (logging.DEBUG, "rate")


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (ended(errors.NotFound("gone", status=404), Idempotency.KEY), logging.WARNING),
        (ended(errors.ConnectFailed("no connection"), Idempotency.NONE), logging.WARNING),
        (ended(errors.OutcomeUnknown("lost"), Idempotency.SAFE), logging.WARNING),
        (ended(errors.OutcomeUnknown("lost"), Idempotency.NONE, doubtful=True), logging.ERROR),
        (ended(errors.ServerError("broken", status=500), Idempotency.KEY, doubtful=True), logging.ERROR),
        (ended(None, Idempotency.KEY, cancelled=True, doubtful=True), logging.ERROR),
        (ended(None, Idempotency.KEY, cancelled=True), logging.DEBUG),
        (ended(None, Idempotency.SAFE, cancelled=True), logging.DEBUG),
    ],
)
def test_an_end_is_an_error_where_the_call_may_have_been_carried_out(event: CallEnded, level: int) -> None:
    (record,) = logged(event)
    assert record.levelno == level
    assert record.getMessage().startswith("capture_payment: failed (")


def test_a_token_fetch_has_records_of_its_own_and_its_failure_is_a_warning() -> None:
    info = call(Idempotency.NATURAL)
    failure = errors.OutcomeUnknown("no reply")
    end = TokenFetchEnded(call=info, seconds=1.0, attempts=1, status=None, request_id=None, failure=failure)
    started, failed = logged(TokenFetchStarted(call=info), end)
    assert vars(started)["checkout_event"] == "token_fetch_started"
    assert (vars(failed)["checkout_event"], failed.levelno) == ("token_fetch_ended", logging.WARNING)


def test_what_looks_like_a_secret_in_an_error_is_masked() -> None:
    failure = errors.ConnectFailed("odd transport said 4242424242424242 and sk_sbox_abcdefgh")
    (record,) = logged(ended(failure, Idempotency.KEY))
    shown = repr(vars(record)) + record.getMessage()
    assert "4242424242424242" not in shown
    assert "sk_sbox_abcdefgh" not in shown


async def test_a_client_logs_a_retry_and_the_end() -> None:
    logger, kept = recording_logger(logging.INFO)
    async with Sandbox() as sandbox, sandbox.client(hooks=[LoggingHook(logger, level=logging.INFO)]) as checkout:
        sandbox.faults.add("request_payment", CannedResponse(429, retry_after=0))
        card = payments.RequestCardSource(number=payment_card("approved"), expiry_month=1, expiry_year=2030)
        await checkout.payments.request_payment(payments.PaymentRequest(source=card, amount=6540, currency="GBP"))
    shown = [(vars(record)["checkout_event"], record.levelname) for record in kept.records]
    assert shown == [("token_fetch_ended", "INFO"), ("retry_scheduled", "WARNING"), ("call_ended", "INFO")]
    assert payment_card("approved") not in repr([vars(record) for record in kept.records])
