"""A shop: one process of a web application. It authorizes, captures and refunds, or only authenticates."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from checkout_async.sandbox import card_number, payment_card
from tests.simulation.calls import MOST_TRIES, Caller, CallOutcome, CallResult, Doubt

_CARD: Final = {"type": "card", "number": payment_card("approved"), "expiry_month": 6, "expiry_year": 2040}


@dataclass
class Shop(Caller):
    """Places its orders; every fifth one only authenticates."""

    async def order(self, reference: str) -> None:
        """Place one order."""
        number = int(reference.rpartition("-")[2])
        if number % 5 == 0:
            await self._authenticate(reference)
        else:
            await self._sell(reference, 1000 + number, steps=number % 4)

    async def _authenticate(self, reference: str) -> None:
        session = await request_once(self, reference, session_request(reference))
        if session is not None:

            async def read(**options: Any) -> Any:
                secret = session.session_secret
                return await self.checkout.sessions.get_session(session.id, session_secret=secret, **options)

            await self.until_done("get_session", reference, read)

    async def _sell(self, reference: str, amount: int, steps: int) -> None:
        """Authorize, and with more `steps` capture and refund a half."""
        body: Any = {"source": _CARD, "amount": amount, "currency": "GBP", "reference": reference, "capture": False}

        async def request(**options: Any) -> Any:
            return await self.checkout.payments.request_payment(body, **options)

        payment = await self.until_done("request_payment", reference, request, find_payment(self, reference))
        if steps > 0:
            await self._act("capture_payment", "Capture", payment.id, reference, amount)
        if steps > 1:
            await self._act("refund_payment", "Refund", payment.id, reference, amount // 2)

    async def _act(self, operation: str, action: str, payment_id: str, reference: str, amount: int) -> None:
        async def act(**options: Any) -> Any:
            body = {"amount": amount, "reference": reference}
            return await getattr(self.checkout.payments, operation)(payment_id, body, **options)

        async def find(**options: Any) -> Any:
            actions = await self.checkout.payments.get_payment_actions(payment_id, **options)
            return next((each for each in actions if each.type == action), None)

        await self.until_done(operation, reference, act, find)


def find_payment(caller: Caller, reference: str) -> Any:
    """Return a call that finds the payment of an order, or None."""

    async def find(**options: Any) -> Any:
        found = await caller.checkout.payments.list_payments(reference=reference, **options)
        return next(iter(found.data or ()), None)

    return find


async def request_once(caller: Caller, reference: str, body: Any) -> Any:
    """Request a session: an operation without a key, so a session in doubt is given up. Return it, or None."""
    if ("request_session", reference) in caller.doubts:
        return None
    caller.doubts["request_session", reference] = Doubt()

    async def request(**options: Any) -> Any:
        return await caller.checkout.sessions.request_session(body, **options)

    for _ in range(MOST_TRIES):
        answer: CallResult = await caller.call("request_session", reference, request)
        if answer.outcome is not CallOutcome.NOT_DONE:
            return answer.value
        await asyncio.sleep(60)
    raise AssertionError(f"request_session of {reference} was never done")


def session_request(reference: str) -> Any:
    """Return the body of a merchant-initiated session, which needs no cardholder."""
    return {
        "source": {"type": "card", "number": card_number("frictionless"), "expiry_month": 6, "expiry_year": 2040},
        "amount": 1000,
        "currency": "GBP",
        "reference": reference,
        "channel_data": {"channel": "merchant_initiated", "request_type": "recurring_transaction"},
        "completion": {"type": "non_hosted"},
    }
