"""The sandbox sends signed events to a merchant's endpoint, in order, and repeats them if delivery fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from checkout_async import CheckoutClient, RetryPolicy, errors, webhooks
from checkout_async.sandbox import WEBHOOK_RETRY_DELAYS, WEBHOOK_SECRET, Sandbox, SandboxClock, payment_card
from tests.sandbox.payments.support import order as payment_order
from tests.sandbox.payments.support import payout, refund_without_payment
from tests.sandbox.support import BROWSER, BROWSER_WITH_METHOD, HOSTED, order

DAY = 24 * 60 * 60


class Receiver:
    """A merchant's endpoint: checks and reads what comes, and answers as configured."""

    def __init__(self, signing_keys: str | list[str] = WEBHOOK_SECRET) -> None:
        self.signing_keys = signing_keys
        self.status = 200
        self.events: list[webhooks.WebhookEvent] = []
        self.refused = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    @property
    def types(self) -> list[str]:
        """The events' types as text, in the order they came."""
        return [str(event.type) for event in self.events]

    async def take(self, request: web.Request) -> web.Response:
        try:
            event = webhooks.receive(await request.read(), request.headers, self.signing_keys)
        except errors.InvalidSignature:
            self.refused += 1
            return web.Response(status=401)
        self.events.append(event)
        self.arrived.set()
        await self.gate.wait()
        return web.Response(status=self.status)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        app = web.Application()
        app.router.add_post("/webhooks", self.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"
        finally:
            self.gate.set()
            await runner.cleanup()


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[Sandbox]:
    clock = SandboxClock(datetime(2026, 11, 21, tzinfo=UTC), frozen=True)
    async with receiver.listening() as url, Sandbox(webhook_url=url, clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client(retry=RetryPolicy(attempts=1)) as client:
        yield client


class TestPayments:
    async def test_every_step_is_reported_in_order(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order(metadata={"shop": "7"}))
        await checkout.payments.capture_payment(payment.id, {"amount": 4000, "capture_type": "NonFinal"})
        await checkout.payments.refund_payment(payment.id, {"amount": 1500, "reference": "R-1"})
        await sandbox.webhooks_settled()
        assert receiver.types == ["payment_approved", "payment_captured", "payment_refunded"]
        data = [event.data for event in receiver.events if isinstance(event, webhooks.PaymentEvent)]
        assert [each and each.id for each in data] == [payment.id] * 3
        assert [each and each.amount for each in data] == [6540, 4000, 1500]
        approved, _, refunded = data
        assert approved is not None
        assert (approved.reference, approved.metadata) == ("ORD-5023-4E89", {"shop": "7"})
        assert refunded is not None
        assert refunded.reference == "R-1"
        assert refunded.balances is not None
        assert refunded.balances.total_refunded == 1500

    async def test_an_event_names_the_action_that_the_operation_answered_with(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order())
        voided = await checkout.payments.void_payment(payment.id)
        await sandbox.webhooks_settled()
        event = receiver.events[-1]
        assert isinstance(event, webhooks.PaymentEvent)
        assert event.type == "payment_voided"
        assert event.data is not None
        assert voided is not None
        assert event.data.action_id == voided.action_id

    @pytest.mark.parametrize(
        ("body", "types"),
        [
            (payment_order(capture=True), ["payment_approved", "payment_captured"]),
            (payment_order("do_not_honour"), ["payment_declined"]),
            (payment_order(amount=0), ["card_verified"]),
            (payment_order("capture_declined", capture=True), ["payment_approved", "payment_capture_declined"]),
            (payment_order(three_ds={"enabled": True}), ["payment_pending"]),
            (payout(), ["payment_paid"]),
            (payout("payout_declined"), ["payment_declined"]),
            (refund_without_payment(), ["payment_approved"]),
        ],
        ids=["captured", "declined", "verified", "capture_declined", "waiting", "payout", "no_payout", "to_a_card"],
    )
    async def test_a_request_alone(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver, body: Any, types: list[str]
    ) -> None:
        await checkout.payments.request_payment(body)
        await sandbox.webhooks_settled()
        assert receiver.types == types

    async def test_what_the_customer_does_is_reported(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        for finish in (sandbox.customer.approve, sandbox.customer.fail, sandbox.customer.cancel):
            payment = await checkout.payments.request_payment(payment_order(three_ds={"enabled": True}))
            await finish(payment.id)
        await sandbox.webhooks_settled()
        finals = ["payment_approved", "payment_authentication_failed", "payment_canceled"]
        assert receiver.types == [type_ for final in finals for type_ in ("payment_pending", final)]

    @pytest.mark.parametrize(
        ("body", "types"),
        [
            (payment_order(three_ds={"enabled": True}), ["payment_pending", "payment_authentication_failed"]),
            (payment_order(source={"type": "paypal"}), ["payment_pending", "payment_expired"]),
            (payment_order(), ["payment_approved", "payment_voided"]),
        ],
        ids=["3ds", "paypal", "authorization"],
    )
    async def test_only_another_way_to_pay_expires(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver, body: Any, types: list[str]
    ) -> None:
        await checkout.payments.request_payment(body)
        await sandbox.advance(10 * DAY)
        await sandbox.webhooks_settled()
        assert receiver.types == types

    async def test_what_time_alone_does_is_reported_when_it_happens(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        body = payment_order("recovers", payment_type="Recurring", merchant_initiated=True, capture=True)
        body["retry"] = {"dunning": {"enabled": True}}
        body["previous_payment_id"] = "pay_" + 26 * "a"
        await checkout.payments.request_payment(body)
        await sandbox.webhooks_settled()
        assert receiver.types == ["payment_declined", "payment_retry_scheduled"]
        await sandbox.advance(60 * DAY)
        await sandbox.webhooks_settled()
        assert receiver.types[2:] == [
            "payment_declined",
            "payment_retry_scheduled",
            "payment_approved",
            "payment_captured",
        ]
        created = [event.created_on for event in receiver.events if event.created_on]
        assert created == sorted(created)
        assert len({event.id for event in receiver.events}) == len(receiver.events)


class TestAuthentications:
    @pytest.mark.parametrize(
        ("scenario", "types"),
        [
            ("frictionless", ["authentication_started", "authentication_approved"]),
            ("attempted", ["authentication_started", "authentication_attempted"]),
            ("rejected", ["authentication_started", "authentication_failed"]),
            ("unavailable", ["authentication_started", "authentication_failed"]),
            ("challenge", ["authentication_started"]),
        ],
    )
    async def test_the_result_is_reported(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver, scenario: str, types: list[str]
    ) -> None:
        session = await checkout.sessions.request_session(order(scenario, channel_data=BROWSER_WITH_METHOD))
        await sandbox.webhooks_settled()
        assert receiver.types == types
        event = receiver.events[-1]
        assert isinstance(event, webhooks.AuthenticationEvent)
        assert event.data is not None
        assert (event.data.session_id, event.data.amount, event.data.currency) == (session.id, 6540, "GBP")
        assert event.data.three_ds_transaction_id == (None if types[1:] == [] else session.transaction_id)

    async def test_a_challenge_is_reported_when_it_ends(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        for finish in (sandbox.cardholder.complete_challenge, sandbox.cardholder.abandon_challenge):
            session = await checkout.sessions.request_session(order("challenge_no_method", channel_data=BROWSER))
            await sandbox.webhooks_settled()
            await finish(session.id)
        await sandbox.webhooks_settled()
        ends = ["authentication_approved", "authentication_failed"]
        assert receiver.types == [type_ for end in ends for type_ in ("authentication_started", end)]

    async def test_a_challenge_that_times_out_expires(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        await checkout.sessions.request_session(order("challenge_no_method", channel_data=BROWSER))
        await sandbox.advance(DAY)
        await sandbox.webhooks_settled()
        assert receiver.types == ["authentication_started", "authentication_expired"]
        event = receiver.events[-1]
        assert isinstance(event, webhooks.AuthenticationEvent)
        assert event.data is not None
        assert (event.data.reason, event.data.challenge_cancel) == ("ChallengeExpired", "05")

    async def test_a_hosted_session_is_reported_once_its_page_was_visited(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        session = await checkout.sessions.request_session(order(completion=HOSTED))
        await sandbox.webhooks_settled()
        assert receiver.types == []
        await sandbox.cardholder.finish_hosted(session.id)
        await sandbox.webhooks_settled()
        assert receiver.types == ["authentication_started", "authentication_approved"]

    async def test_an_abandoned_session_expires(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        await checkout.sessions.request_session(order())
        await sandbox.advance(DAY)
        await sandbox.webhooks_settled()
        assert receiver.types == ["authentication_expired"]


class TestDelivery:
    async def test_a_webhook_is_on_record_as_it_was_sent(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order())
        await sandbox.webhooks_settled()
        (record,) = sandbox.webhooks
        assert (record.id, record.type, record.subject) == (receiver.events[0].id, "payment_approved", payment.id)
        assert (record.attempts, record.delivered) == (1, True)
        webhooks.verify(record.body, record.signature, WEBHOOK_SECRET)
        body = json.loads(record.body)
        assert body["_links"]["payment"]["href"] == f"{sandbox.base_url}/payments/{payment.id}"
        assert payment_card("approved").encode() not in record.body
        assert record.signature not in repr(record)

    async def test_one_that_is_not_heard_is_repeated_as_documented_and_then_given_up(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        receiver.status = 500
        await checkout.payments.request_payment(payment_order())
        await sandbox.webhooks_settled()
        for attempts, wait in enumerate(WEBHOOK_RETRY_DELAYS, start=1):
            await sandbox.advance(wait - 1)
            await sandbox.webhooks_settled()
            assert sandbox.webhooks[0].attempts == attempts
            await sandbox.advance(1)
            await sandbox.webhooks_settled()
            assert sandbox.webhooks[0].attempts == attempts + 1
        await sandbox.advance(3 * DAY)
        await sandbox.webhooks_settled()
        assert (sandbox.webhooks[0].attempts, sandbox.webhooks[0].delivered) == (1 + len(WEBHOOK_RETRY_DELAYS), False)
        assert len({event.id for event in receiver.events}) == 1

    async def test_a_repeated_delivery_delays_no_other(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        receiver.status = 503
        payment = await checkout.payments.request_payment(payment_order())
        await sandbox.webhooks_settled()
        receiver.status = 204
        await checkout.payments.void_payment(payment.id)
        await sandbox.webhooks_settled()
        await sandbox.advance(WEBHOOK_RETRY_DELAYS[0])
        await sandbox.webhooks_settled()
        assert receiver.types == ["payment_approved", "payment_voided", "payment_approved"]
        assert [record.delivered for record in sandbox.webhooks] == [True, True]

    async def test_a_redirect_is_not_followed_and_not_heard(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        receiver.status = 307
        await checkout.payments.request_payment(payment_order())
        await sandbox.webhooks_settled()
        assert (len(receiver.events), sandbox.webhooks[0].delivered) == (1, False)

    async def test_a_merchant_changes_the_key_without_losing_an_event(self) -> None:
        receiver = Receiver(["new", "old"])
        for secret in ("old", "new"):
            async with receiver.listening() as url, Sandbox(webhook_url=url, webhook_secret=secret) as sandbox:
                async with sandbox.client() as checkout:
                    await checkout.payments.request_payment(payment_order())
                await sandbox.webhooks_settled()
                assert sandbox.webhooks[0].delivered
        assert receiver.refused == 0

    async def test_another_key_is_refused(self) -> None:
        receiver = Receiver("mine")
        async with receiver.listening() as url, Sandbox(webhook_url=url, webhook_secret="theirs") as sandbox:
            async with sandbox.client() as checkout:
                await checkout.payments.request_payment(payment_order())
            await sandbox.webhooks_settled()
            assert (receiver.refused, receiver.events, sandbox.webhooks[0].delivered) == (1, [], False)
            assert "theirs" not in repr(sandbox)

    async def test_a_slow_endpoint_misses_no_state(
        self, sandbox: Sandbox, checkout: CheckoutClient, receiver: Receiver
    ) -> None:
        receiver.gate.clear()
        await checkout.payments.request_payment(payment_order("do_not_honour"))
        await receiver.arrived.wait()
        payment = await checkout.payments.request_payment(payment_order(three_ds={"enabled": True}))
        await sandbox.customer.approve(payment.id)
        receiver.gate.set()
        await sandbox.webhooks_settled()
        assert receiver.types == ["payment_declined", "payment_pending", "payment_approved"]

    async def test_the_sandbox_stops_while_an_endpoint_does_not_answer(self) -> None:
        receiver = Receiver()
        receiver.gate.clear()
        async with receiver.listening() as url:
            async with Sandbox(webhook_url=url) as sandbox, sandbox.client() as checkout:
                await checkout.payments.request_payment(payment_order(capture=True))
                await receiver.arrived.wait()
            assert receiver.types == ["payment_approved"]
            assert [record.delivered for record in sandbox.webhooks] == [False, False]

    async def test_no_endpoint_no_webhooks(self) -> None:
        async with Sandbox() as sandbox, sandbox.client() as checkout:
            await checkout.payments.request_payment(payment_order())
            await sandbox.webhooks_settled()
            assert sandbox.webhooks == ()

    async def test_an_endpoint_that_is_not_there_is_not_heard(self, refusing_port: int) -> None:
        async with Sandbox(webhook_url=f"http://127.0.0.1:{refusing_port}/") as sandbox, sandbox.client() as checkout:
            await checkout.payments.request_payment(payment_order())
            await sandbox.webhooks_settled()
            assert (sandbox.webhooks[0].attempts, sandbox.webhooks[0].delivered) == (1, False)

    async def test_what_takes_effect_later_is_reported_then_on_a_running_clock(self) -> None:
        receiver = Receiver()
        async with receiver.listening() as url, Sandbox(webhook_url=url, payment_delay=0.2) as sandbox:
            async with sandbox.client() as checkout:
                payment = await checkout.payments.request_payment(payment_order())
                await checkout.payments.capture_payment(payment.id)
            while "payment_captured" not in receiver.types:
                receiver.arrived.clear()
                await receiver.arrived.wait()
        assert receiver.types == ["payment_approved", "payment_captured"]

    @pytest.mark.parametrize("url", ["", "shop.example/webhooks", "ftp://shop.example/", "http://["])
    def test_a_webhook_needs_a_web_address(self, url: str) -> None:
        with pytest.raises(ValueError, match="webhook_url must be an http or https address"):
            Sandbox(webhook_url=url)

    def test_a_webhook_needs_a_key(self) -> None:
        with pytest.raises(ValueError, match="webhook_secret must not be empty"):
            Sandbox(webhook_url="http://127.0.0.1:1/", webhook_secret=" ")
