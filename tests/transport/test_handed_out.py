"""What a reply hands out, a request takes back: identifiers and proofs of any form reach the server unchanged."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.models import payments, sessions

Call = Callable[[CheckoutClient, str], Awaitable[object]]

# Any text that UTF-8 can write, but what would lead to another path: an empty or dot segment.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in {".", ".."})


class Recording:
    """A transport that answers every request with one body, and keeps the requests."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._reply = HttpResponse(status=200, headers={}, body=json.dumps(body).encode())
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        self.requests.append(request)
        return self._reply

    async def aclose(self) -> None:
        """There is nothing to close."""

    @property
    def body(self) -> dict[str, Any]:
        sent: dict[str, Any] = json.loads(self.requests[-1].body or b"{}")
        return sent


def client(transport: Recording) -> CheckoutClient:
    key = SecretKey("sk_sbox_" + "a" * 27)
    return CheckoutClient(key, base_url="https://api.example", transport=transport)


BY_ID: dict[str, Call] = {
    "get_payment": lambda checkout, id_: checkout.payments.get_payment(id_),
    "get_payment_actions": lambda checkout, id_: checkout.payments.get_payment_actions(id_),
    "capture_payment": lambda checkout, id_: checkout.payments.capture_payment(id_),
    "refund_payment": lambda checkout, id_: checkout.payments.refund_payment(id_),
    "void_payment": lambda checkout, id_: checkout.payments.void_payment(id_),
    "reverse_payment": lambda checkout, id_: checkout.payments.reverse_payment(id_),
    "increment_authorization": lambda checkout, id_: checkout.payments.increment_authorization(id_, {"amount": 1}),
    "cancel_scheduled_retry": lambda checkout, id_: checkout.payments.cancel_scheduled_retry(id_, {}),
    "get_session": lambda checkout, id_: checkout.sessions.get_session(id_),
    "complete_session": lambda checkout, id_: checkout.sessions.complete_session(id_),
    "update_session": lambda checkout, id_: checkout.sessions.update_session(
        id_, {"channel": "merchant_initiated", "request_type": "recurring_transaction"}
    ),
    "update_three_ds_method_completion": lambda checkout, id_: checkout.sessions.update_three_ds_method_completion(
        id_, {"three_ds_method_completion": "Y"}
    ),
}


@pytest.mark.parametrize("operation", BY_ID)
@settings(max_examples=30, deadline=None)
@given(handed_out=TEXTS)
async def test_any_identifier_of_a_reply_names_its_resource(operation: str, handed_out: str) -> None:
    transport = Recording({"id": handed_out, "action_id": "act_1"})
    async with client(transport) as checkout:
        payment = await checkout.payments.get_payment(handed_out)
        assert payment.id == handed_out
        # This body is not what every operation answers with; what was sent is what counts.
        with suppress(errors.UnexpectedResponse):
            await BY_ID[operation](checkout, payment.id)
    assert handed_out in [unquote(part) for part in transport.requests[-1].url.split("/")]


@settings(max_examples=60, deadline=None)
@given(handed_out=TEXTS)
async def test_any_proof_of_a_session_goes_into_a_payment(handed_out: str) -> None:
    proof = dict.fromkeys(("cryptogram", "eci", "xid", "protocol_version"), handed_out)
    transport = Recording({"id": handed_out, **proof})
    async with client(transport) as checkout:
        session = await checkout.sessions.get_session(handed_out)
        card = payments.RequestCardSource(number="4242424242424242", expiry_month=1, expiry_year=2035)
        three_ds = payments.ThreeDsRequest(
            enabled=True,
            authentication_id=session.id,
            cryptogram=session.cryptogram,
            eci=session.eci,
            xid=session.xid,
            version=session.protocol_version,
        )
        await checkout.payments.request_payment(
            payments.PaymentRequest(source=card, amount=1, currency="GBP", three_ds=three_ds)
        )
    assert {value for name, value in transport.body["3ds"].items() if name != "enabled"} == {handed_out}
    assert len(transport.body["3ds"]) == 6


@settings(max_examples=60, deadline=None)
@given(handed_out=TEXTS)
async def test_any_stored_instrument_and_reference_goes_into_the_next_payment(handed_out: str) -> None:
    source = {"type": "card", "id": handed_out, "billing_address": {"state": handed_out, "city": handed_out}}
    transport = Recording({"id": "pay_1", "reference": handed_out, "source": source, "customer": {"id": handed_out}})
    async with client(transport) as checkout:
        payment = await checkout.payments.get_payment("pay_1")
        assert payment.source is not None
        assert payment.customer is not None
        await checkout.payments.request_payment(
            payments.PaymentRequest(
                source=payments.RequestIdSource(id=payment.source.id or ""),
                amount=1,
                currency="GBP",
                reference=payment.reference,
                previous_payment_id=payment.customer.id,
            )
        )
    assert transport.body["source"]["id"] == transport.body["reference"] == handed_out
    assert transport.body["previous_payment_id"] == handed_out


@settings(max_examples=60, deadline=None)
@given(handed_out=TEXTS)
async def test_any_identifier_goes_into_a_session(handed_out: str) -> None:
    transport = Recording({"id": "sid_1"})
    async with client(transport) as checkout:
        await checkout.sessions.request_session(
            sessions.SessionRequest(
                source=sessions.IdSource(id=handed_out),
                currency="GBP",
                completion=sessions.NonHostedCompletionInfo(),
                reference=handed_out,
                processing_channel_id=handed_out,
            )
        )
    sent = transport.body
    assert sent["source"]["id"] == sent["reference"] == sent["processing_channel_id"] == handed_out
