"""A process that calls the API with one client, sees each call through, and records how it ended.

Its rule is that of README: an error that says `may_have_been_done` leaves a payment in doubt, and the process calls
again with the same key; any other error proves that nothing was done, and it calls again as if for the first time. So
a wrong "nothing was done" becomes a second payment, which an oracle sees, and so does the key of a cancelled call that
cannot be found. Once in doubt, an operation stays in doubt until it is done, because a later "not done" speaks of its
own call only. A key is used for less than the 24 hours for which the API remembers it; after that the process looks the
operation up.
"""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final, TypedDict

import simloom

from checkout_async import CheckoutClient, errors
from tests.simulation.cancellation import Cancelled, cancel_somewhere
from tests.simulation.process import Process

MOST_TRIES: Final = 200
"""More calls than the longest outage takes."""

KEY_LIFETIME = 24 * 3600.0


class CallOutcome(Enum):
    """How a call ended for its caller."""

    DONE = "done"
    NOT_DONE = "not done"
    MAYBE = "maybe"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call and how it ended. Times are in simulated seconds; `total` is the deadline that the call had.

    That of a cancelled call is its cancellation.
    """

    operation: str
    reference: str
    outcome: CallOutcome
    started: float
    ended: float
    total: float
    kind: str = ""
    key: str | None = None
    value: Any = None
    client_was_closed: bool = False
    """Whether the client was closed before the call."""


@dataclass
class Doubt:
    """What a process knows of an operation that it has begun: the key in use, and when it was first sent."""

    key: str | None = None
    since: float = 0.0
    keys: int = 0


Call = Callable[..., Coroutine[Any, Any, Any]]
"""A method of a client, with its arguments but for the options of a call."""

Step = tuple[str, str]
"""An operation and the reference of its order."""

CURRENT_ORDER: Final = ContextVar("CURRENT_ORDER", default="")
"""The reference of the order whose call is running, in whatever task."""


class _Options(TypedDict, total=False):
    timeout: float
    idempotency_key: str | None


@dataclass(kw_only=True)
class Caller(Process):
    """A process with orders to see through.

    A process that `keeps_keys` chooses the key of every call itself, and stores it before the call: it can crash.
    """

    call_results: list[CallResult]
    keeps_keys: bool
    total: float = 60.0
    is_calm: bool = False
    doubts: dict[Step, Doubt] = field(default_factory=dict[Step, Doubt])
    values: dict[Step, Any] = field(default_factory=dict[Step, Any])
    open_orders: set[str] = field(default_factory=set[str])

    orders = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        self.can_die = self.keeps_keys
        self.open_orders |= {f"{self.name}-{number}" for number in range(self.orders)}

    async def work(self) -> None:
        """See the orders through that are open, all at once or some seconds apart."""
        spread = (0, 300)[simloom.draw("shop.spread", 2)]
        async with asyncio.TaskGroup() as group:
            for reference in sorted(self.open_orders):
                group.create_task(self._see_through(reference), name=reference)
                await asyncio.sleep(simloom.draw("shop.pause", 1 + spread) / 100)

    async def _see_through(self, reference: str) -> None:
        await self.order(reference)
        self.open_orders.remove(reference)

    @abstractmethod
    async def order(self, reference: str) -> None:
        """See one order through."""

    async def until_done(self, operation: str, reference: str, call: Call, find: Call | None = None) -> Any:
        """Call until it is done, with the same key while it is in doubt and a new one after a clear refusal."""
        step = operation, reference
        if step in self.values:
            return self.values[step]
        doubt = self.doubts.setdefault(step, Doubt())
        for tries in range(MOST_TRIES):
            if find is not None and doubt.key is not None and now() - doubt.since > KEY_LIFETIME - 3600:
                await self._look_up(step, doubt, find)
                if step in self.values:
                    return self.values[step]
            answer = await self._attempt(step, doubt, call, has_key=find is not None)
            if answer.outcome is CallOutcome.DONE:
                self.values[step] = answer.value
                return answer.value
            await asyncio.sleep(min(600, 2**tries))
        raise AssertionError(f"{operation} of {reference} was called {MOST_TRIES} times and never done")

    async def _attempt(self, step: Step, doubt: Doubt, call: Call, *, has_key: bool) -> CallResult:
        if not has_key:
            return await self.call(*step, call)
        in_doubt = doubt.key
        if in_doubt is None:
            doubt.since = now()
            if self.keeps_keys or simloom.draw("shop.own_key", 3) == 0:
                doubt.keys += 1
                doubt.key = f"{'-'.join(step)}-{doubt.keys}"
        key = doubt.key
        answer = await self.call(*step, partial(call, idempotency_key=key), has_key=True)
        if answer.outcome in {CallOutcome.MAYBE, CallOutcome.CANCELLED}:
            doubt.key = key or answer.key
        elif in_doubt is None:
            doubt.key = None
        return answer

    async def _look_up(self, step: Step, doubt: Doubt, find: Call) -> None:
        """Find out what a key did that the API no longer remembers. Nothing of its requests is on the way any more."""
        answer = await self.call("look_up", step[1], find)
        if answer.outcome is CallOutcome.DONE and answer.value is not None:
            self.values[step] = answer.value
        elif answer.outcome is CallOutcome.DONE:
            doubt.key = None

    async def call(
        self, operation: str, reference: str, call: Call, *, has_key: bool = False, has_deadline: bool = True
    ) -> CallResult:
        """Make one call and record how it ended. Now and then it is cancelled, or has a deadline that is short."""
        checkout, started, total = self.checkout, now(), self.total if has_deadline else math.inf
        # Without a deadline it is no single call: a driver may wait first, or need no call at all.
        CURRENT_ORDER.set(reference)
        was_closed = has_deadline and self.is_closed(checkout)
        options: _Options = {}
        if has_deadline and not self.is_calm and simloom.draw("shop.deadline", 8) == 1:
            options["timeout"] = total = (1 + simloom.draw("shop.total", 400)) / 100
        bound = partial(call, **options)
        outcome, kind, key, value = CallOutcome.DONE, "", None, None
        try:
            cancels = not self.is_calm and simloom.draw("shop.cancel", 4) == 1
            value = await (cancel_somewhere(bound) if cancels else bound())
        except errors.CheckoutError as error:
            outcome = CallOutcome.MAYBE if error.may_have_been_done else CallOutcome.NOT_DONE
            kind, key = type(error).__name__, error.idempotency_key
        if isinstance(value, Cancelled):
            kind, total = type(value.error).__name__, value.at - started
            key = self._key_of(checkout, operation, reference, value.error)
            outcome = CallOutcome.NOT_DONE if has_key and key is None else CallOutcome.CANCELLED
            value = None
        answer = CallResult(operation, reference, outcome, started, now(), total, kind, key, value, was_closed)
        self.call_results.append(answer)
        if outcome is not CallOutcome.DONE:
            await self.replace_closed(checkout)
        return answer

    def _key_of(
        self, checkout: CheckoutClient, operation: str, reference: str, error: BaseException | None
    ) -> str | None:
        """Return the key of a cancelled call. Without an error, only the client can know it.

        None says that nothing was sent.
        """
        if error is not None:
            return errors.idempotency_key(error)
        for each in checkout.abandoned_calls:
            if (each.operation, each.reference) == (operation, reference):
                checkout.abandoned_calls.remove(each)
                return str(each.idempotency_key)
        return None


def now() -> float:
    """Return the simulated time in seconds."""
    return asyncio.get_running_loop().time()
