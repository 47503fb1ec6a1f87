"""Helpers of the payment tests: a caller of the Payments operations, and bodies to send."""

from __future__ import annotations

from typing import Any

from checkout_async.sandbox import SECRET_KEY, payment_amount, payment_card
from tests.sandbox.support import Answer, Api, Json

KEY = f"Bearer {SECRET_KEY}"
TOKEN: Json = {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"}
URLS: Json = {"success_url": "https://shop.example/ok", "failure_url": "https://shop.example/sorry?from=pay"}
CHANNEL = "pc_ovo75iz4hdyudnx6tu74mum3fq"
HOLDER: Json = {"type": "individual", "first_name": "Jia", "last_name": "Tsang"}
BANK: Json = {"type": "bank_account", "country": "GB", "account_number": "30000330", "account_holder": HOLDER}
AUTHORIZED = "Authorized"


def card(scenario: str = "approved", *, scheme: str = "visa", **changes: object) -> Json:
    """A card as source."""
    number = payment_card(scenario, scheme)
    return {"type": "card", "number": number, "expiry_month": 6, "expiry_year": 2099, "cvv": "100"} | changes


def order(scenario: str = "approved", *, scheme: str = "visa", three_ds: Json | None = None, **changes: object) -> Any:
    """A payment by a scenario's card that is captured by hand."""
    body: Json = {
        "source": card(scenario, scheme=scheme),
        "amount": 6540,
        "currency": "GBP",
        "capture": False,
        "reference": "ORD-5023-4E89",
    }
    return body | ({"3ds": three_ds} if three_ds is not None else {}) | changes


def payout(scenario: str = "approved", **changes: object) -> Any:
    """A payout to a bank account."""
    body: Json = {
        "source": {"type": "currency_account", "id": "ca_y3oqhf46pyzuxjbcn2giaqnb44"},
        "destination": BANK,
        "amount": payment_amount(scenario),
        "currency": "GBP",
        "reference": "PAYOUT-1",
        "processing_channel_id": CHANNEL,
    }
    return body | changes


def refund_without_payment(scenario: str = "approved", **changes: object) -> Any:
    """An unreferenced refund to a card."""
    destination = card(scenario) | {"account_holder": HOLDER}
    del destination["cvv"]
    return payout(destination=destination, amount=100, payment_type="UnreferencedRefund") | changes


class PaymentsApi(Api):
    """Calls the Payments operations, by default with the secret key."""

    async def pay(self, body: Json | None = None, *, key: str | None = None, **changes: object) -> Answer:
        """Call `request_payment`."""
        return await self.post("/payments", (body or order()) | changes, key=key)

    async def paid(self, body: Json | None = None, *, key: str | None = None, **changes: object) -> str:
        """Request a payment that is approved, and give its identifier."""
        answer = await self.pay((body or order()) | changes, key=key)
        assert (answer.status, answer.body["approved"]) == (201, True)
        return str(answer.body["id"])

    async def act(
        self, payment_id: str, what: str, body: Json | None = None, *, key: str | None = None, **members: object
    ) -> Answer:
        """Call an operation on a payment: `captures`, `voids`, `refunds`, `reversals`, ..."""
        return await self.post(f"/payments/{payment_id}/{what}", body or members or None, key=key)

    async def captured(self, amount: int = 6540, body: Json | None = None, **changes: object) -> str:
        """Request a payment and capture this much of it, more to follow; gives its identifier."""
        payment_id = await self.paid((body or order()) | changes)
        answer = await self.act(payment_id, "captures", amount=amount, capture_type="NonFinal")
        assert answer.status == 202
        return payment_id

    async def payment(self, payment_id: str) -> Json:
        """Read a payment."""
        answer = await self.read(f"/payments/{payment_id}")
        assert answer.status == 200
        return answer.body

    async def actions(self, payment_id: str) -> list[Json]:
        """Read a payment's actions, newest first."""
        return (await self.read(f"/payments/{payment_id}/actions")).entries

    async def search(self, query: str = "", members: Json | None = None) -> Answer:
        """Call `search_payments`."""
        return await self.post("/payments/search", {"query": query} | (members or {}))

    async def read(self, path: str, *, auth: str = KEY, **options: Any) -> Answer:
        """GET a path."""
        return await self.send("GET", path, headers={"Authorization": auth}, **options)

    async def post(self, path: str, body: object, *, auth: str = KEY, key: str | None = None) -> Answer:
        """POST to a path; without a body if it is None."""
        headers = {"Authorization": auth} | ({"Cko-Idempotency-Key": key} if key is not None else {})
        content = {} if body is None else {"json": body}
        return await self.send("POST", path, headers=headers, **content)
