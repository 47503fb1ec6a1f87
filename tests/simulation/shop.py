"""A shop: one process of a web application, which places orders with one client and records how its calls ended.

Its rule is that of README: an error that says `may_have_been_done` leaves a payment in doubt, and the shop calls again
with the same key; any other error proves that nothing was done, and the shop calls again as if for the first time. So
a wrong "nothing was done" becomes a second payment, which an oracle sees. Once in doubt, an operation stays in doubt
until it is done, because a later "not done" speaks of its own call only. A key is used for less than the 24 hours for
which the API remembers it; after that the shop looks the operation up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import simloom

from checkout_async import CheckoutClient, errors
from checkout_async.sandbox import card_number, payment_card

ORDERS: Final = 12
MOST_TRIES: Final = 200
"""More calls than the longest outage takes."""

KEY_LIFETIME = 24 * 3600.0
_CARD: Final = {"type": "card", "number": payment_card("approved"), "expiry_month": 6, "expiry_year": 2040}


class CallOutcome(Enum):
    """How a call ended for its caller."""

    DONE = "done"
    NOT_DONE = "not done"
    MAYBE = "maybe"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call and how it ended. Times are in simulated seconds; `total` is the deadline that the call had."""

    operation: str
    reference: str
    outcome: CallOutcome
    started: float
    ended: float
    total: float
    kind: str = ""
    key: str | None = None
    value: Any = None


@dataclass
class Doubt:
    """What the shop knows of an operation that it has begun: the key in use, and when it was first sent."""

    key: str | None = None
    since: float = 0.0
    keys: int = 0


Call = Callable[[str | None], Awaitable[Any]]


@dataclass
class Shop:
    """Places orders through one client. All fields are its database: they outlive a crash of the process.

    A shop that `keeps_keys` chooses the key of every call itself, and stores it before the call: it can crash.
    """

    name: str
    call_results: list[CallResult]
    client: Callable[[], AbstractAsyncContextManager[CheckoutClient]]
    keeps_keys: bool
    total: float = 60.0
    is_calm: bool = False
    starts: int = 0
    doubts: dict[tuple[str, str], Doubt] = field(default_factory=dict[tuple[str, str], Doubt])
    values: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    open_orders: set[str] = field(default_factory=set[str])
    failures: list[BaseException] = field(default_factory=list[BaseException])

    def __post_init__(self) -> None:
        self.open_orders |= {f"{self.name}-{number}" for number in range(ORDERS)}
        self.ended = asyncio.Event()

    @property
    def host(self) -> str:
        """The name of the host on which the shop runs now."""
        return f"{self.name}.{self.starts}"

    def lose_the_process(self) -> None:
        """Nothing is lost: the database is elsewhere."""
        self.starts += 1

    async def run(self) -> None:
        """Place the orders that are open, all at once or some seconds apart, and see each one through."""
        spread = (0, 300)[simloom.draw("shop.spread", 2)]
        try:
            async with self.client() as checkout, asyncio.TaskGroup() as group:
                for reference in sorted(self.open_orders):
                    group.create_task(self._order(checkout, reference), name=reference)
                    await asyncio.sleep(simloom.draw("shop.pause", 1 + spread) / 100)
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            self.ended.set()

    async def _order(self, checkout: CheckoutClient, reference: str) -> None:
        number = int(reference.rpartition("-")[2])
        if number % 5 == 0:
            await self._authenticate(checkout, reference)
        else:
            await self._sell(checkout, reference, 1000 + number, steps=number % 4)
        self.open_orders.remove(reference)

    async def _authenticate(self, checkout: CheckoutClient, reference: str) -> None:
        """Request a session: an operation without a key, so a session in doubt is given up."""
        if ("request_session", reference) in self.doubts:
            return
        self.doubts["request_session", reference] = Doubt()
        for _ in range(MOST_TRIES):
            answer = await self._call(
                "request_session", reference, lambda: checkout.sessions.request_session(session_request(reference))
            )
            if answer.outcome is not CallOutcome.NOT_DONE:
                break
            await asyncio.sleep(60)
        else:
            raise AssertionError(f"request_session of {reference} was never done")
        if answer.outcome is CallOutcome.DONE:
            secret = answer.value.session_secret
            await self._until_done(
                "get_session",
                reference,
                lambda _key: checkout.sessions.get_session(answer.value.id, session_secret=secret),
            )

    async def _sell(self, checkout: CheckoutClient, reference: str, amount: int, steps: int) -> None:
        """Authorize, and with more `steps` capture and refund a half."""
        body = {"source": _CARD, "amount": amount, "currency": "GBP", "reference": reference, "capture": False}

        async def find() -> Any:
            found = await checkout.payments.list_payments(reference=reference)
            return next(iter(found.data or ()), None)

        async def has(action: str, payment_id: str) -> Any:
            actions = await checkout.payments.get_payment_actions(payment_id)
            return next((each for each in actions if each.type == action), None)

        payment = await self._until_done(
            "request_payment",
            reference,
            lambda key: checkout.payments.request_payment(body, idempotency_key=key),
            find,
        )
        if steps > 0:
            await self._until_done(
                "capture_payment",
                reference,
                lambda key: checkout.payments.capture_payment(
                    payment.id, {"amount": amount, "reference": reference}, idempotency_key=key
                ),
                lambda: has("Capture", payment.id),
            )
        if steps > 1:
            await self._until_done(
                "refund_payment",
                reference,
                lambda key: checkout.payments.refund_payment(
                    payment.id, {"amount": amount // 2, "reference": reference}, idempotency_key=key
                ),
                lambda: has("Refund", payment.id),
            )

    async def _until_done(
        self, operation: str, reference: str, call: Call, find: Callable[[], Awaitable[Any]] | None = None
    ) -> Any:
        """Call until it is done, with the same key while it is in doubt and a new one after a clear refusal."""
        step = operation, reference
        if step in self.values:
            return self.values[step]
        doubt = self.doubts.setdefault(step, Doubt())
        for tries in range(MOST_TRIES):
            if find is not None and doubt.key is not None and self._now() - doubt.since > KEY_LIFETIME - 3600:
                await self._look_up(step, doubt, find)
                if step in self.values:
                    return self.values[step]
            # Cancellation loses a key that the client made: a shop that cancels chooses the key itself.
            cancels = not self.is_calm and simloom.draw("shop.cancel", 8) == 0
            answer = await self._attempt(step, doubt, call, cancels=cancels)
            if answer.outcome is CallOutcome.DONE:
                self.values[step] = answer.value
                return answer.value
            await asyncio.sleep(min(600, 2**tries))
        raise AssertionError(f"{operation} of {reference} was called {MOST_TRIES} times and never done")

    async def _attempt(self, step: tuple[str, str], doubt: Doubt, call: Call, *, cancels: bool) -> CallResult:
        in_doubt = doubt.key
        if in_doubt is None:
            doubt.since = self._now()
            if self.keeps_keys or cancels or simloom.draw("shop.own_key", 3) == 0:
                doubt.keys += 1
                doubt.key = f"{'-'.join(step)}-{doubt.keys}"
        key = doubt.key
        answer = await self._call(*step, lambda: call(key), cancels=cancels)
        if answer.outcome in {CallOutcome.MAYBE, CallOutcome.CANCELLED}:
            doubt.key = key or answer.key
        elif in_doubt is None:
            doubt.key = None
        return answer

    async def _look_up(self, step: tuple[str, str], doubt: Doubt, find: Callable[[], Awaitable[Any]]) -> None:
        """Find out what a key did that the API no longer remembers. Nothing of its requests is on the way any more."""
        answer = await self._call("look_up", step[1], find)
        if answer.outcome is CallOutcome.DONE and answer.value is not None:
            self.values[step] = answer.value
        elif answer.outcome is CallOutcome.DONE:
            doubt.key = None

    async def _call(
        self, operation: str, reference: str, call: Callable[[], Awaitable[Any]], *, cancels: bool = False
    ) -> CallResult:
        """Make one call and record how it ended. With `cancels`, cancel it at some moment."""
        started, outcome, kind, key, value = self._now(), CallOutcome.DONE, "", None, None
        try:
            if cancels:
                async with asyncio.timeout(simloom.draw("shop.patience", 400) / 100):
                    value = await call()
            else:
                value = await call()
        except TimeoutError:
            outcome, kind = CallOutcome.CANCELLED, "TimeoutError"
        except errors.CheckoutError as error:
            outcome = CallOutcome.MAYBE if error.may_have_been_done else CallOutcome.NOT_DONE
            kind, key = type(error).__name__, error.idempotency_key
        answer = CallResult(operation, reference, outcome, started, self._now(), self.total, kind, key, value)
        self.call_results.append(answer)
        return answer

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def session_request(reference: str) -> dict[str, object]:
    """Return the body of a merchant-initiated session, which needs no cardholder."""
    return {
        "source": {"type": "card", "number": card_number("frictionless"), "expiry_month": 6, "expiry_year": 2040},
        "amount": 1000,
        "currency": "GBP",
        "reference": reference,
        "channel_data": {"channel": "merchant_initiated", "request_type": "recurring_transaction"},
        "completion": {"type": "non_hosted"},
    }
