"""What the sandbox's events about payments say: as much as Checkout.com's, agreeing with the replies, typed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from checkout_async import CheckoutClient, webhooks
from checkout_async.models import webhooks as events
from checkout_async.sandbox import Sandbox, payment_card
from tests.sandbox.payments.support import TOKEN, payout, refund_without_payment
from tests.sandbox.payments.support import order as payment_order
from tests.sandbox.support import check_schema, frozen_clock

NO_RECEIVER = "http://127.0.0.1:9/"
DAY = 24 * 60 * 60


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(webhook_url=NO_RECEIVER, clock=frozen_clock()) as running:
        yield running


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client() as client:
        yield client


async def latest(sandbox: Sandbox, type_: str) -> events.PaymentEventData:
    """The data of the latest event of a type, as a merchant reads them."""
    await sandbox.webhooks_settled()
    body = next(record.body for record in reversed(sandbox.webhooks) if record.type == type_)
    event = webhooks.parse(body)
    assert isinstance(event, webhooks.PaymentEvent)
    assert event.data is not None
    return event.data


class TestApproved:
    async def test_it_says_what_was_charged(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        payment = await checkout.payments.request_payment(payment_order())
        data = await latest(sandbox, "payment_approved")
        assert data.source is not None
        assert payment.source is not None
        assert (data.source.type, data.source.scheme) == ("card", "Visa")
        assert data.source.last_4 == payment.source.last4 == payment_card("approved")[-4:]
        assert (data.source.id, data.source.fingerprint) == (payment.source.id, payment.source.fingerprint)
        assert data.source.id is not None

    async def test_it_says_who_paid_from_where(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        customer = {"email": "jia.tsang@example.com", "name": "Jia Tsang"}
        await checkout.payments.request_payment(payment_order(customer=customer, payment_ip="192.0.2.7"))
        data = await latest(sandbox, "payment_approved")
        assert data.customer is not None
        assert (data.customer.email, data.payment_ip) == ("jia.tsang@example.com", "192.0.2.7")
        assert "jia.tsang" not in repr(data)
        assert "192.0.2.7" not in repr(data)

    async def test_it_says_what_acquirer_scheme_and_risk_engine_said(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order("risky"))
        data = await latest(sandbox, "payment_approved")
        assert data.processing is not None
        assert payment.processing is not None
        assert data.processing.acquirer_transaction_id == payment.processing.acquirer_transaction_id is not None
        assert data.processing.retrieval_reference_number == payment.processing.retrieval_reference_number is not None
        assert (data.scheme_id, data.eci) == (payment.scheme_id, payment.eci)
        assert data.risk == payment.risk

    async def test_it_says_what_became_of_3d_secure(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        pending = await checkout.payments.request_payment(payment_order(three_ds={"enabled": True}))
        await sandbox.customer.approve(pending.id)
        data = await latest(sandbox, "payment_approved")
        assert data.three_ds is not None
        shown = (await checkout.payments.get_payment(pending.id)).three_ds
        assert shown is not None
        assert (data.three_ds.cavv, data.three_ds.xid) == (shown.cryptogram, shown.xid)
        assert (data.three_ds.downgraded, data.three_ds.version) == (shown.downgraded, shown.version)
        assert data.three_ds.flow_type == "challenged"
        assert (data.three_ds.authentication_response, data.three_ds.challenged, data.eci) == ("Y", True, "05")

    async def test_without_3d_secure_it_says_nothing_of_it(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.payments.request_payment(payment_order())
        assert (await latest(sandbox, "payment_approved")).three_ds is None


class TestDeclined:
    async def test_a_new_card_has_no_identifier(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.payments.request_payment(payment_order("stolen_card"))
        data = await latest(sandbox, "payment_declined")
        assert data.source is not None
        assert (data.source.id, data.source.last_4) == (None, payment_card("stolen_card")[-4:])

    async def test_a_known_card_has_one(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        approved = await checkout.payments.request_payment(payment_order("recovers", amount=0))
        assert approved.source is not None
        await checkout.payments.request_payment(payment_order("recovers"))
        data = await latest(sandbox, "payment_declined")
        assert data.source is not None
        assert data.source.id == approved.source.id


class TestLaterActions:
    @pytest.mark.parametrize("type_", ["payment_captured", "payment_refunded"])
    async def test_it_has_the_numbers_of_the_action_and_nothing_of_the_charge(
        self, sandbox: Sandbox, checkout: CheckoutClient, type_: str
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order(capture=True))
        await checkout.payments.refund_payment(payment.id)
        data = await latest(sandbox, type_)
        actions = await checkout.payments.get_payment_actions(payment.id)
        shown = next(action.processing for action in actions if action.id == data.action_id)
        assert data.processing is not None
        assert shown is not None
        assert data.processing.acquirer_reference_number == shown.acquirer_reference_number is not None
        assert data.processing.acquirer_transaction_id == shown.acquirer_transaction_id is not None
        assert (data.source, data.three_ds, data.risk) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        payment_order(capture=True),
        payment_order("in_part", partial_authorization={"enabled": True}, three_ds={"enabled": True}),
        payment_order("insufficient_funds", customer={"email": "jia.tsang@example.com"}, payment_ip="192.0.2.7"),
        payment_order(amount=0),
        payment_order(source=TOKEN),
        payment_order(source={"type": "paypal"}, capture=True),
        payout(),
        payout("payout_returned"),
        refund_without_payment(),
    ],
    ids=["card", "3ds", "declined", "verification", "token", "paypal", "payout", "returned", "refund"],
)
async def test_every_event_is_one_that_the_specification_describes(
    sandbox: Sandbox, checkout: CheckoutClient, body: Any
) -> None:
    payment = await checkout.payments.request_payment(body)
    if sandbox.payments[payment.id].status == "Pending":
        await sandbox.customer.approve(payment.id)
    await sandbox.advance(10 * DAY)
    await sandbox.webhooks_settled()
    assert sandbox.webhooks
    for record in sandbox.webhooks:
        check_schema("PaymentEvent", json.loads(record.body))
        assert payment_card("approved").encode() not in record.body
