"""The layout of the sandbox's events: that of delivered ones, in every scenario, and read whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, cast

import msgspec
import pytest

from checkout_async import CheckoutClient, RetryPolicy, errors, webhooks
from checkout_async._core.codec import decode
from checkout_async.sandbox import PAYMENT_SCENARIOS, SCENARIOS, Sandbox, payment_amount
from checkout_async.sandbox.sessions.cardholder import CardholderError
from tests.sandbox.payments.support import card, payout, refund_without_payment
from tests.sandbox.payments.support import order as payment_order
from tests.sandbox.support import BROWSER, BROWSER_WITH_METHOD, MERCHANT, Json, check_schema, frozen_clock, order
from tests.webhooks.test_samples import SAMPLES, leaves

NO_RECEIVER = "http://127.0.0.1:9/"
DAY = 24 * 60 * 60
NOT_SENT = frozenset(
    {
        "payment_cancelled",
        "payment_capture_pending",
        "payment_refund_pending",
        "payment_compliance_review",
        "payment_risk_matched",
    }
)
"""Types of events of payments that the sandbox never causes."""
ADDRESS: Json = {
    "address_line1": "1 Example Street",
    "address_line2": "Flat 2",
    "city": "London",
    "state": "Greater London",
    "zip": "W1T 4TJ",
    "country": "GB",
}
FULL: Json = {
    "customer": {"email": "jia.tsang@example.com", "name": "Jia Tsang"},
    "payment_ip": "192.0.2.7",
    "metadata": {"coupon": "NY"},
}
IN_FULL: Json = FULL | {"source": card(billing_address=ADDRESS, name="Jia Tsang")}
EVENTS_API = {"timestamp", "source", "action_invocations"}
"""Members of the envelope that deliveries do not have."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(webhook_url=NO_RECEIVER, clock=frozen_clock()) as running:
        yield running


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client(retry=RetryPolicy(attempts=1)) as client:
        yield client


async def sent(sandbox: Sandbox) -> list[Json]:
    """Every event so far; each was read whole."""
    await sandbox.webhooks_settled()
    assert sandbox.webhooks
    for record in sandbox.webhooks:
        check_read(record.body)
    return [json.loads(record.body) for record in sandbox.webhooks]


async def latest(sandbox: Sandbox, type_: str) -> Json:
    return next(event for event in reversed(await sent(sandbox)) if event["type"] == type_)


def check_read(raw: bytes) -> None:
    """Check that an event is one that the document describes, and that all of it is read."""
    body: Json = json.loads(raw)
    event = webhooks.parse(raw)
    assert not isinstance(event, webhooks.OtherEvent)
    assert decode(type(event), raw)[1] == ()
    assert set(leaves(msgspec.to_builtins(event))) == set(leaves(body))
    assert not EVENTS_API & body.keys()
    if isinstance(event, webhooks.PaymentEvent):
        assert "null" not in json.dumps(body)
        assert "status" not in body["data"]
        links = {relation: link["href"] for relation, link in body["_links"].items()}
        assert links == {"self": links["self"], "subject": links["subject"]} | body["data"]["event_links"]
    else:
        assert body["_links"].keys() == {"self"}
        if body["data"].get("error_details") is None:  # the document says in words that it may be null
            body["data"].pop("error_details", None)
    check_schema(type(event).__name__, body)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all members; free text of metadata and empty objects aside."""
    if isinstance(value, dict):
        for name, each in cast("Json", value).items():
            at = f"{path}.{name}".removeprefix(".")
            if name == "metadata" or not isinstance(each, dict):
                yield at
            else:
                yield from paths(each, at)


def missing(type_: str, event: Json) -> set[str]:
    """The members of the samples of the current platform that an event of the sandbox lacks."""
    bodies = [each["body"] for each in SAMPLES if each["type"] == type_ and "version" in each["body"]]
    assert bodies
    return {path for body in bodies for path in paths(body)} - set(paths(event)) - EVENTS_API


class TestAsDelivered:
    async def test_payment_approved(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        pending = await checkout.payments.request_payment(payment_order(three_ds={"enabled": True}, **IN_FULL))
        await sandbox.customer.approve(pending.id)
        event = await latest(sandbox, "payment_approved")
        assert missing("payment_approved", event) == {
            "data.processing.Aft",
            "data.processing.partner_merchant_advice_code",
            "data.3ds.cryptogram",  # as `cavv`
            "data.cko_network_token_available",
            "data.source.card_wallet_type",
        }
        data = event["data"]
        assert data["source"]["billing_address"] == {
            "line1": "1 Example Street",
            "line2": "Flat 2",
            "town_city": "London",
            "state": "Greater London",
            "zip": "W1T 4TJ",
            "country": "GB",
        }
        assert data["customer"].keys() == {"id", "email"}
        assert data["balances"]["available_to_capture"] == data["balances"]["total_authorized"] == 6540
        base = f"{sandbox.base_url}/payments/{pending.id}"
        assert data["event_links"] == {
            "payment": base,
            "payment_actions": f"{base}/actions",
            "capture": f"{base}/captures",
            "void": f"{base}/voids",
        }
        assert event["_links"]["self"]["href"] == f"{sandbox.base_url}/workflows/events/{event['id']}"
        assert event["_links"]["subject"]["href"] == f"{sandbox.base_url}/workflows/events/subject/{pending.id}"

    async def test_payment_declined(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.payments.request_payment(payment_order(amount=0, **IN_FULL))
        body = payment_order(amount=payment_amount("do_not_honour"), three_ds={"enabled": True}, **FULL)
        source = {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q", "billing_address": ADDRESS}
        pending = await checkout.payments.request_payment(body | {"source": source})
        await sandbox.customer.approve(pending.id)
        event = await latest(sandbox, "payment_declined")
        assert missing("payment_declined", event) == {
            "data.processing.Aft",
            "data.processing.partner_merchant_advice_code",
            "data.3ds.authentication_status_reason",
            "data.cko_network_token_available",
            "data.source.id",  # of a card that is not stored
            "data.source.name",
            "data.source.expiry_month",
            "data.source.expiry_year",
        }
        assert "balances" not in event["data"]

    @pytest.mark.parametrize("type_", ["card_verified", "card_verification_declined"])
    async def test_verifications(self, sandbox: Sandbox, checkout: CheckoutClient, type_: str) -> None:
        scenario = "approved" if type_ == "card_verified" else "do_not_honour"
        source = card(scenario, billing_address=ADDRESS, name="Jia Tsang")
        await checkout.payments.request_payment(payment_order(amount=0, **FULL) | {"source": source})
        lacking = missing(type_, await latest(sandbox, type_))
        if type_ == "card_verified":
            assert {each.partition(".")[2].partition(".")[0] for each in lacking} == {"account_holder"}
        else:
            assert lacking == {"data.source.id", "data.source.payment_account_reference_number"}

    @pytest.mark.parametrize(
        ("scenario", "type_", "trigger", "links"),
        [
            ("approved", "payment_captured", "manual", {"refund"}),
            ("approved", "payment_refunded", None, set[str]()),
            ("approved", "payment_voided", "manual", set[str]()),
            ("void_declined", "payment_void_declined", "manual", {"capture"}),
        ],
    )
    async def test_later_actions(
        self,
        sandbox: Sandbox,
        checkout: CheckoutClient,
        scenario: str,
        type_: str,
        trigger: str | None,
        links: set[str],
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order(scenario, metadata={"coupon": "NY"}))
        if "void" in type_:
            await checkout.payments.void_payment(payment.id)
        else:
            await checkout.payments.capture_payment(payment.id)
            await checkout.payments.refund_payment(payment.id)
        event = await latest(sandbox, type_)
        assert missing(type_, event) <= {"data.processing.acquirer_reference_number"}
        assert event["data"].get("trigger") == trigger
        assert event["data"]["event_links"].keys() == {"payment", "payment_actions"} | links
        assert not {"payment_type", "source", "auth_code", "risk", "customer"} & event["data"].keys()

    async def test_what_follows_by_itself_was_not_triggered_by_hand(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        await checkout.payments.request_payment(payment_order(capture=True))
        assert "trigger" not in (await latest(sandbox, "payment_captured"))["data"]

    async def test_an_event_has_the_balances_after_its_own_action(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        payment = await checkout.payments.request_payment(payment_order(capture=True))
        await checkout.payments.refund_payment(payment.id)
        balances = {event["type"]: event["data"]["balances"] for event in await sent(sandbox)}
        totals = {type_: (each["total_captured"], each["total_refunded"]) for type_, each in balances.items()}
        assert totals == {"payment_approved": (0, 0), "payment_captured": (6540, 0), "payment_refunded": (6540, 6540)}

    @pytest.mark.parametrize(
        ("scenario", "type_"),
        [
            ("approved", "payment_authorization_incremented"),
            ("recovers", "payment_retry_scheduled"),
            ("approved", "payment_pending"),
            ("approved", "payment_authentication_failed"),
            ("approved", "payment_canceled"),
            ("approved", "payment_expired"),
            ("approved", "payment_paid"),
            ("payout_returned", "payment_returned"),
        ],
    )
    async def test_other_events(self, sandbox: Sandbox, checkout: CheckoutClient, scenario: str, type_: str) -> None:
        await self._cause(sandbox, checkout, scenario, type_)
        event = await latest(sandbox, type_)
        unknown = {
            "payment_retry_scheduled": {
                "data.processing.aft",
                "data.cko_network_token_available",
                "data.source.id",
            },
            "payment_authentication_failed": {"data.3ds.authentication_status_reason"},
            "payment_canceled": {"data.action_id"},
            "payment_expired": {"data.action_id"},
        }
        if type_ == "payment_returned":  # its sample is of the previous platform
            assert {"source", "destination", "response_code"} <= event["data"].keys()
        else:
            assert missing(type_, event) == unknown.get(type_, set())
        assert "downgraded" not in event["data"].get("3ds", {})

    async def _cause(self, sandbox: Sandbox, checkout: CheckoutClient, scenario: str, type_: str) -> None:
        three_ds = {"enabled": True}
        if type_ in {"payment_paid", "payment_returned"}:
            await checkout.payments.request_payment(payout(scenario))
            await sandbox.advance(2 * DAY)
        elif type_ == "payment_retry_scheduled":
            body = payment_order(payment_type="Recurring", merchant_initiated=True, **FULL)
            source = card(scenario, name="Jia Tsang", billing_address=ADDRESS)
            body |= {"source": source, "retry": {"dunning": {"enabled": True}}}
            body["previous_payment_id"] = "pay_" + 26 * "a"
            await checkout.payments.request_payment(body)
        elif type_ == "payment_authorization_incremented":
            payment = await checkout.payments.request_payment(payment_order(authorization_type="Estimated"))
            await checkout.payments.increment_authorization(payment.id, {"amount": 100})
        elif type_ in {"payment_canceled", "payment_expired"}:
            waiting = await checkout.payments.request_payment(
                payment_order(source={"type": "paypal"}, metadata={"coupon": "NY"})
            )
            if type_ == "payment_canceled":
                await sandbox.customer.cancel(waiting.id)
            await sandbox.advance(DAY)
        else:
            waiting = await checkout.payments.request_payment(payment_order(three_ds=three_ds, **FULL))
            if type_ == "payment_authentication_failed":
                await sandbox.customer.fail(waiting.id)

    async def test_3d_secure_that_timed_out_says_nothing_of_a_challenge(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        await checkout.payments.request_payment(payment_order(three_ds={"enabled": True}))
        await sandbox.advance(DAY)
        result = (await latest(sandbox, "payment_authentication_failed"))["data"]["3ds"]
        assert not {"challenged", "flow_type", "cavv"} & result.keys()
        assert {"authentication_id", "version", "redirect_url"} <= result.keys()

    async def test_a_payout_to_a_card_names_the_card(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.payments.request_payment(refund_without_payment())
        data = (await latest(sandbox, "payment_approved"))["data"]
        assert data["destination"]["type"] == "card"
        assert len(data["destination"]["last_4"]) == 4
        assert "source" not in data

    async def test_authentication_approved(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.sessions.request_session(order(channel_data=BROWSER_WITH_METHOD))
        event = await latest(sandbox, "authentication_approved")
        assert missing("authentication_approved", event) == {"data.payment_id"}
        assert event["data"]["amount"] == "6540"
        assert event["data"]["cavv"]

    async def test_authentication_failed(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        session = await checkout.sessions.request_session(order("challenge_no_method", channel_data=BROWSER))
        await sandbox.cardholder.abandon_challenge(session.id)
        event = await latest(sandbox, "authentication_failed")
        assert missing("authentication_failed", event) == {"data.payment_id"}
        data, (delivered,) = event["data"], [each for each in SAMPLES if each["type"] == "authentication_failed"]
        for name in ("reason", "reason_description", "response_code", "challenge_cancel", "transaction_status_reason"):
            assert data[name] == delivered["body"]["data"][name]
        assert (data["cavv"], data["metadata"], data["error_details"]) == (None, None, None)

    async def test_authentication_started(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.sessions.request_session(order(channel_data=BROWSER_WITH_METHOD))
        assert (await latest(sandbox, "authentication_started"))["data"].keys() == {
            "session_id",
            "amount",
            "currency",
            "type",
            "response_code",
            "challenge_indicator",
            "protocol_version",
            "scheme",
            "reference",
        }

    async def test_an_error_of_the_protocol_is_described(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        await checkout.sessions.request_session(order("ares_error", channel_data=BROWSER_WITH_METHOD))
        data = (await latest(sandbox, "authentication_failed"))["data"]
        assert data["reason"] == "Unavailable"
        assert data["error_details"]["error_code"] == "203"


def bodies(scenario: str) -> list[Any]:
    """Requests that lead to every event of a scenario."""
    retried = payment_order(scenario, payment_type="Recurring", merchant_initiated=True, capture=True)
    retried |= {"retry": {"dunning": {"enabled": True}}, "previous_payment_id": "pay_" + 26 * "a"}
    return [
        payment_order(scenario, **FULL),
        payment_order(scenario, capture=True),
        payment_order(scenario, authorization_type="Estimated"),
        payment_order(scenario, amount=0),
        payment_order(scenario, three_ds={"enabled": True}),
        payment_order(scenario, three_ds={"enabled": True, "attempt_n3d": True, "allow_upgrade": True}),
        payment_order(scenario, partial_authorization={"enabled": True}, fallback_source=card()),
        payment_order(source={"type": "paypal"}),
        retried,
        payout(scenario),
        refund_without_payment(scenario),
    ]


async def go_on(sandbox: Sandbox, checkout: CheckoutClient, payment_id: str) -> None:
    """Do everything to a payment that is allowed."""
    calls = checkout.payments
    for amount in (10, payment_amount("do_not_honour")):
        with suppress(errors.CheckoutError):
            await calls.increment_authorization(payment_id, {"amount": amount})
    with suppress(errors.CheckoutError):
        await calls.capture_payment(payment_id, {"amount": 100, "capture_type": "NonFinal"})
    with suppress(errors.CheckoutError):
        await calls.void_payment(payment_id)
    with suppress(errors.CheckoutError):
        await calls.refund_payment(payment_id)


@pytest.mark.costly
async def test_every_event_of_a_payment_is_read_whole(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    ends = (sandbox.customer.approve, sandbox.customer.fail, sandbox.customer.cancel, None)
    for scenario in [row.name for row in PAYMENT_SCENARIOS if row.failing is None]:
        for body in bodies(scenario):
            for end in ends if "3ds" in body or body["source"] == {"type": "paypal"} else ends[:1]:
                with suppress(errors.CheckoutError):
                    await checkout.payments.request_payment(body)
                payment_id = list(sandbox.payments)[-1]
                if end is not None:
                    with suppress(CardholderError):
                        await end(payment_id)
                await go_on(sandbox, checkout, payment_id)
    await sandbox.advance(60 * DAY)
    types = {event["type"] for event in await sent(sandbox)}
    assert types == set(webhooks.PaymentEventType) - NOT_SENT


@pytest.mark.costly
async def test_every_event_of_an_authentication_is_read_whole(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    for scenario in [row.name for row in SCENARIOS if row.failure is None]:
        await checkout.sessions.request_session(order(scenario))
        for data in (BROWSER_WITH_METHOD, BROWSER, MERCHANT):
            await checkout.sessions.request_session(order(scenario, channel_data=data))
        session = await checkout.sessions.request_session(order(scenario, channel_data=BROWSER_WITH_METHOD))
        with suppress(CardholderError):
            await sandbox.cardholder.complete_challenge(session.id)
    await sandbox.advance(2 * DAY)
    types = {event["type"] for event in await sent(sandbox)}
    assert types == set(webhooks.AuthenticationEventType)
