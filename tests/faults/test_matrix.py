"""Every class of operations against every fault, over real sockets: nothing is lost, done twice or left behind."""

from __future__ import annotations

import asyncio
import io
import pickle
import textwrap
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkout_async import CheckoutClient, Limits, RetryPolicy, Timeouts, errors
from checkout_async.models import payments, sessions
from checkout_async.sandbox import (
    CannedResponse,
    Fault,
    RewrittenBody,
    Sandbox,
    card_number,
    payment_card,
)
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.channel_data import BROWSER
from tests.documents import python_blocks
from tests.faults import certificates
from tests.faults.table import CLASSES, ROWS, Impostor, Row
from tests.loop_time import LoopTime, StallThatEndsTheAttempt

pytestmark = pytest.mark.slow

# All calls of a client wait as long as a 429 asks for, up to `max_retry_after`.
ONCE = RetryPolicy(attempts=3, backoff=0, max_retry_after=0.05, conflict_wait=0.01)
# The deadline leaves no time to wait for a key that is always in use.
ALWAYS = replace(ONCE, conflict_wait=3600)
PATIENT = Timeouts(total=60, attempt=30)
RESPONSE_SIZE = 8 * 1024 * 1024

Call = Callable[[Timeouts], Awaitable[object]]


@dataclass(frozen=True)
class Subject:
    """An operation that stands for its class: `prepare` opens the connection, and returns the call to try."""

    operation: str
    prepare: Callable[[CheckoutClient], Awaitable[Call]]
    done: Callable[[Sandbox], int]
    """How often the ledger shows the effect of the call."""


def payment_order() -> payments.PaymentRequest:
    number = payment_card("approved")
    source = payments.RequestCardSource(number=number, expiry_month=1, expiry_year=2030, cvv="100")
    return payments.PaymentRequest(source=source, amount=1000, currency="GBP", capture=False)


def session_order() -> sessions.SessionRequest:
    number = card_number("frictionless_no_method")
    return sessions.SessionRequest(
        source=sessions.CardSource(number=number, expiry_month=1, expiry_year=2030),
        amount=1000,
        currency="GBP",
        completion=sessions.NonHostedCompletionInfo(),
    )


async def read_payment(checkout: CheckoutClient) -> Call:
    payment = await checkout.payments.request_payment(payment_order())
    return lambda timeout: checkout.payments.get_payment(payment.id, timeout=timeout)


async def send_channel_data(checkout: CheckoutClient) -> Call:
    session = await checkout.sessions.request_session(session_order())
    return lambda timeout: checkout.sessions.update_session(session.id, BROWSER, timeout=timeout)


async def pay(checkout: CheckoutClient) -> Call:
    await checkout.sessions.request_session(session_order())
    return lambda timeout: checkout.payments.request_payment(payment_order(), timeout=timeout)


async def create_session(checkout: CheckoutClient) -> Call:
    await checkout.payments.request_payment(payment_order())
    return lambda timeout: checkout.sessions.request_session(session_order(), timeout=timeout)


def authorized(sandbox: Sandbox) -> int:
    return sandbox.payments.total().total_authorized // 1000


def authenticated(sandbox: Sandbox) -> int:
    return sum(session.status == "approved" for session in sandbox.sessions.values())


SUBJECTS = {
    "safe": Subject("get_payment", read_payment, lambda sandbox: authorized(sandbox) - 1),
    "natural": Subject("update_session", send_channel_data, authenticated),
    "key": Subject("request_payment", pay, authorized),
    "none": Subject("request_session", create_session, lambda sandbox: len(sandbox.sessions)),
}


@dataclass
class Trial:
    """A call that met a fault: how it ended, and what the server received."""

    ending: str
    error: errors.CheckoutError | None
    requests: int
    done: int
    request_id: str
    sent: list[bytes]

    @property
    def cell(self) -> str:
        return f"{self.ending} {self.requests}"


def recording(fault: RewrittenBody, sent: list[bytes]) -> RewrittenBody:
    """Record the bodies that are sent."""

    def rewrite(body: bytes) -> bytes:
        sent.append(fault.rewrite(body))
        return sent[-1]

    return replace(fault, rewrite=rewrite)


async def run(call: Call, row: Row) -> errors.CheckoutError | None:
    """Make the call. An exception that is not an error of the package fails the test."""
    try:
        await call(PATIENT)
    except errors.CheckoutError as error:
        return error
    return None


def end_the_attempt_at_a_stall(sandbox: Sandbox) -> None:
    sandbox.faults._released = StallThatEndsTheAttempt(LoopTime(asyncio.get_running_loop()), 30)


@asynccontextmanager
async def faulty(
    sandbox: Sandbox, operation: str, row: Row, times: int | None, sent: list[bytes]
) -> AsyncGenerator[None]:
    """Let the row's fault happen to an operation until the block ends."""
    async with AsyncExitStack() as stack:
        if row.fault is None:
            await stack.enter_async_context(sandbox.refusing())
        elif isinstance(row.fault, Impostor):
            await stack.enter_async_context(sandbox.presenting(row.fault.context))
        else:
            fault = recording(row.fault, sent) if isinstance(row.fault, RewrittenBody) else row.fault
            sandbox.faults.add(operation, fault, times=times)
            end_the_attempt_at_a_stall(sandbox)
        yield
        sandbox.faults.clear()


async def try_call(row: Row, subject: Subject, retry: RetryPolicy, times: int | None) -> Trial:
    """Let a call meet a fault. Check that the client's only slot and its connection are free afterwards."""
    # If connections are to be refused, no kept one may be left.
    keepalive = 1e-6 if row.fault is None else 15
    limits = Limits(concurrency=1, read_rate=1000, write_rate=1000, keepalive=keepalive, response_size=RESPONSE_SIZE)
    is_tls = isinstance(row.fault, Impostor)
    sent: list[bytes] = []
    async with (
        Sandbox(ssl_context=certificates.server() if is_tls else None) as sandbox,
        sandbox.client(
            retry=retry,
            limits=limits,
            ssl_context=certificates.trusting() if is_tls else None,
        ) as checkout,
    ):
        call = await subject.prepare(checkout)
        before = len(sandbox.requests)
        async with faulty(sandbox, subject.operation, row, times, sent):
            error = await run(call, row)
        assert all(record.operation_id == subject.operation for record in sandbox.requests[before:])
        trial = Trial(
            ending="ok" if error is None else type(error).__name__,
            error=error,
            requests=len(sandbox.requests) - before,
            done=subject.done(sandbox),
            request_id=sandbox.requests[-1].request_id,
            sent=sent,
        )
        assert connections_in_use(checkout) == 0
        assert checkout._limiter.slots.borrowed_tokens == 0
        with pytest.raises(errors.NotFound):
            await checkout.payments.get_payment("pay_nobodyhasthisoneinhere0000")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return trial


def connections_in_use(checkout: CheckoutClient) -> int:
    """Count the connections that aiohttp regards as in use."""
    transport = checkout._transport
    assert isinstance(transport, AiohttpTransport)
    assert transport._session is not None
    assert transport._session.connector is not None
    return len(transport._session.connector._acquired)


def chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and the errors that its traceback shows."""
    if error is None:
        return []
    hidden = error.__suppress_context__ or error.__cause__ is not None
    return [error, *chain(error.__cause__ if hidden else error.__context__)]


def check_nothing_is_lost(trial: Trial, row: Row, kind: str) -> None:
    """An error contains what its reply said, or the number of attempts and the key."""
    error = trial.error
    assert all(isinstance(found, errors.CheckoutError) for found in chain(error))
    if isinstance(error, errors.TransportError):
        assert error.operation == SUBJECTS[kind].operation
        assert error.attempts == (trial.requests or 3)
    if isinstance(error, errors.ApiError | errors.UnexpectedResponse):
        assert error.request_id == trial.request_id
        assert error.headers["cko-request-id"] == trial.request_id
        expected = row.fault.body if isinstance(row.fault, CannedResponse) else as_read(trial.sent[-1], row.fault)
        assert error.body == expected
        assert error.status == (row.fault.status if isinstance(row.fault, CannedResponse) else error.status)
    if isinstance(error, errors.ApiError) and isinstance(row.fault, CannedResponse):
        check_retry_after(error, row.fault)
    if error is not None:
        assert (error.idempotency_key is not None) == (kind == "key")


def as_read(body: bytes, fault: object) -> bytes:
    """Return what is read of a body: decompressed if that is possible, and up to the limit."""
    if isinstance(fault, RewrittenBody) and fault.content_encoding is not None:
        reader = zlib.decompressobj(zlib.MAX_WBITS | 32)
        read = reader.decompress(body, RESPONSE_SIZE)
        return read if reader.eof or len(read) == RESPONSE_SIZE else body
    return body[:RESPONSE_SIZE]


def check_retry_after(error: errors.ApiError, fault: CannedResponse) -> None:
    if fault.dated:
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 60
    else:
        assert error.retry_after == fault.retry_after


def check_done_once(trial: Trial, row: Row, kind: str) -> None:
    """The ledger shows one effect if the call succeeded or the fault came after it, else none."""
    effective = kind != "safe" and (trial.error is None or row.done)
    assert trial.done == (1 if effective else 0)


README = Path(__file__).parents[2] / "README.md"
(LADDER,) = [block for block in python_blocks(README) if "may_have_been_done" in block]


ADVICE = {"look the payment up": "look up", "can succeed later": "try later", "what to change": "give up"}


async def advice(error: errors.CheckoutError) -> str:
    """Return what README's own block does when a call ends with the error."""

    async def request_payment(_order: object) -> None:
        raise error

    names: dict[str, Any] = {
        "errors": errors,
        "checkout": SimpleNamespace(payments=SimpleNamespace(request_payment=request_payment)),
        "order": payment_order(),
    }
    exec("async def main():\n" + textwrap.indent(LADDER, "    "), names)
    with redirect_stdout(io.StringIO()) as printed:
        await names["main"]()
    (only,) = (step for words, step in ADVICE.items() if words in printed.getvalue())
    return only


async def check_advice(trial: Trial, row: Row, kind: str) -> None:
    """README's block looks up whatever may have been done, and never what the ledger shows as not sent."""
    if trial.error is None:
        return
    error = pickle.loads(pickle.dumps(trial.error))
    assert (error.may_have_been_done, error.is_transient) == (kind in row.doubtful, kind in row.transient)
    found = await advice(error)
    assert found == ("look up" if error.may_have_been_done else "try later" if error.is_transient else "give up")
    if trial.done:
        assert found == "look up"


def cases(mode: str) -> list[object]:
    return [
        pytest.param(row, kind, cell, id=f"{row.name}-{kind}")
        for row in ROWS
        for kind, cell in zip(CLASSES, getattr(row, mode) or (), strict=False)
    ]


@pytest.mark.parametrize(("row", "kind", "cell"), cases("once"))
async def test_a_fault_that_passes(row: Row, kind: str, cell: str) -> None:
    trial = await try_call(row, SUBJECTS[kind], ONCE, times=1)
    assert trial.cell == cell
    check_nothing_is_lost(trial, row, kind)
    check_done_once(trial, row, kind)
    await check_advice(trial, row, kind)


@pytest.mark.parametrize(("row", "kind", "cell"), cases("always"))
async def test_a_fault_that_lasts(row: Row, kind: str, cell: str) -> None:
    trial = await try_call(row, SUBJECTS[kind], ALWAYS, times=None)
    assert trial.cell == cell
    check_nothing_is_lost(trial, row, kind)
    check_done_once(trial, row, kind)
    await check_advice(trial, row, kind)


def test_every_ready_fault_is_in_the_table() -> None:
    def known(fault: Fault) -> bool:
        if isinstance(fault.value, CannedResponse):
            statuses = {row.fault.status for row in ROWS if isinstance(row.fault, CannedResponse)}
            return fault.value.status in statuses
        return fault.value in [row.fault for row in ROWS]

    assert [fault.name for fault in Fault if not known(fault)] == []
