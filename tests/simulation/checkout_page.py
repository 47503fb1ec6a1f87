"""A checkout page: a process that authenticates each order with 3D Secure, and then pays with the authentication.

It keeps the session's id and the flow's progress, as a web application does, and goes on from them after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from checkout_async import threeds
from checkout_async.models import payments
from checkout_async.sandbox import card_number
from tests.channel_data import BROWSER_WITHOUT_METHOD
from tests.simulation.calls import MOST_TRIES, Caller, CallOutcome, now
from tests.simulation.cardholder import Cardholder
from tests.simulation.shop import find_payment, request_once

_CARDS: Final = tuple(
    card_number(name)
    for name in ("challenge", "frictionless", "slow_challenge", "challenge_no_method", "attempted", "silent_method")
)
_EXPIRY: Final = {"expiry_month": 6, "expiry_year": 2040}
_OPTIONS: Final = threeds.Options(method_notification_url="https://shop.example/method", complete=True)


@dataclass(kw_only=True)
class CheckoutPage(Caller):
    """Authenticates its orders one by one and all at once, each with its own cardholder."""

    cardholder: Callable[[], Cardholder]
    session_ids: dict[str, str] = field(default_factory=dict[str, str])
    progress: dict[str, threeds.Progress] = field(default_factory=dict[str, threeds.Progress])
    verdicts: dict[str, threeds.Verdict] = field(default_factory=dict[str, threeds.Verdict])

    orders = 6

    async def order(self, reference: str) -> None:
        """Authenticate one order, and pay if the cardholder is authenticated."""
        number = int(reference.rpartition("-")[2])
        amount, card = 1000 + number, {"type": "card", "number": _CARDS[number % len(_CARDS)], **_EXPIRY}
        if reference not in self.session_ids:
            body = {"source": card, "amount": amount, "currency": "GBP", "reference": reference}
            session = await request_once(self, reference, {**body, "completion": {"type": "non_hosted"}})
            if session is None:
                return
            self.session_ids[reference] = session.id
        result = await self._authenticate(reference)
        self.verdicts[reference] = result.verdict
        if result.authenticated:
            await self._pay(reference, amount, payments.RequestCardSource(**_of_payment(card)), result.three_ds())

    async def _pay(
        self, reference: str, amount: int, source: payments.RequestCardSource, three_ds: payments.ThreeDsRequest
    ) -> None:
        body = payments.PaymentRequest(
            source=source, amount=amount, currency="GBP", reference=reference, capture=False, three_ds=three_ds
        )

        async def request(**options: Any) -> Any:
            return await self.checkout.payments.request_payment(body, **options)

        await self.until_done("request_payment", reference, request, find_payment(self, reference))

    async def _authenticate(self, reference: str) -> threeds.ThreeDSResult:
        """Run the flow to its end. What comes twice from the browser comes in two requests at once."""
        checkout, driver = self.checkout, await self._driver(reference)
        events: list[threeds.Event | None] = [None]
        for tries in range(MOST_TRIES):
            if checkout is not self.checkout:
                checkout, driver = self.checkout, await self._driver(reference)
            requests = (partial(driver.advance, event) for event in events)
            answers = await asyncio.gather(
                *(self.call("advance", reference, each, has_deadline=False) for each in requests)
            )
            self.progress[reference] = driver.progress
            step = answers[-1].value
            events = [None]
            if isinstance(step, threeds.Done) and step.result.verdict is not threeds.Verdict.UNDECIDED:
                return step.result
            if step is None or isinstance(step, threeds.Done):
                await asyncio.sleep(min(600, 2**tries))
            else:
                events = await self.cardholder().handle(step, self.session_ids[reference], driver.time_left)
        raise AssertionError(f"the authentication of {reference} did not come to its end")

    async def _driver(self, reference: str) -> threeds.Driver:
        """Return a driver that goes on where the last one was."""

        async def read(**options: Any) -> Any:
            return await self.checkout.sessions.get_session(self.session_ids[reference], **options)

        while True:
            checkout = self.checkout
            answer = await self.call("get_session", reference, read)
            if answer.outcome is CallOutcome.DONE:
                break
            await asyncio.sleep(10)
        return threeds.Driver(
            checkout,
            answer.value,
            options=_OPTIONS,
            progress=self.progress.get(reference),
            channel_data=BROWSER_WITHOUT_METHOD,
            now=now,
        )


def _of_payment(card: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if name != "type"}
