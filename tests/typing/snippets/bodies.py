"""Bodies as dicts: what an operation takes, and what it must not take."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_type

from checkout_async import CheckoutClient, models, operations
from checkout_async.models import payments, sessions

CARD: sessions.CardSourceDict = {"type": "card", "number": "4242424242424242", "expiry_month": 6, "expiry_year": 2030}
END: sessions.NonHostedCompletionInfoDict = {"type": "non_hosted"}
STRUCT = sessions.CardSource(number="4242424242424242", expiry_month=6, expiry_year=2030)


def use(*_values: object) -> None:
    """Use values: a checker reports an expression that nobody uses."""


async def session_bodies(checkout: CheckoutClient) -> None:
    request = checkout.sessions.request_session
    assert_type(await request({"source": CARD, "currency": "GBP", "completion": END}), sessions.Session)  # right
    await request({"source": CARD, "currency": "GBP", "completion": END, "amount": 100})  # right
    await request({"source": CARD, "currency": "GBP", "completion": END, "amount": None})  # right
    await request({"source": STRUCT, "currency": "GBP", "completion": END})  # right
    await request({"source": {"type": "id", "id": "src_1"}, "currency": "GBP", "completion": {"type": "non_hosted"}})  # right
    await request({"source": CARD, "currency": "GBP", "completion": END, "challenge_indicator": "no_preference"})  # right
    await request({"source": CARD, "currency": "GBP", "completion": END, "preferred_experiences": ["3ds"]})  # right
    await request({"source": CARD, "currency": "GBP", "completion": END, "preferred_experiences": ("3ds",)})  # right
    await request(sessions.SessionRequest(source=STRUCT, currency="GBP", completion=sessions.NonHostedCompletionInfo()))  # right
    await request({"sourse": {}, "amout": 1})  # wrong
    await request({})  # wrong
    await request({"source": CARD, "currency": "GBP"})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "amout": 100})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "amount": "100"})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "amount": 1.5})  # wrong
    await request({"source": CARD, "currency": None, "completion": END})  # wrong
    await request({"source": {"type": "crad", "id": "src_1"}, "currency": "GBP", "completion": END})  # wrong
    await request({"source": {"id": "src_1"}, "currency": "GBP", "completion": END})  # wrong
    await request({"source": {"type": "id"}, "currency": "GBP", "completion": END})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "challenge_indicator": "please"})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "preferred_experiences": "3ds"})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "preferred_experiences": ["4ds"]})  # wrong
    await request({"source": CARD, "currency": "GBP", "completion": END, "shipping_address": "London"})  # wrong
    await request(CARD)  # wrong
    await request(STRUCT)  # wrong
    await request("{}")  # wrong
    await request(None)  # wrong
    await request([])  # wrong


async def mappings(checkout: CheckoutClient, decoded: dict[str, Any], mapping: Mapping[str, object]) -> None:
    await checkout.sessions.request_session(sessions.SessionRequest.from_dict(decoded))  # right
    await checkout.sessions.request_session(sessions.SessionRequest.from_dict(mapping))  # right
    assert_type(sessions.SessionRequest.from_dict(mapping), sessions.SessionRequest)  # right
    assert_type(payments.RefundRequest.from_dict({"amount": 1}), payments.RefundRequest)  # right
    body: sessions.SessionRequestDict = {"source": CARD, "currency": "GBP", "completion": END}  # right
    body["amount"] = 100  # right
    await checkout.sessions.request_session(body)  # right
    await checkout.sessions.request_session(decoded)  # wrong
    await checkout.sessions.request_session(mapping)  # wrong
    sessions.SessionRequest.from_dict("{}")  # wrong
    sessions.SessionRequest.from_dict([mapping])  # wrong
    body["amout"] = 100  # wrong
    body["amount"] = "100"  # wrong
    short: sessions.SessionRequestDict = {"source": CARD}  # wrong
    sessions.Session.from_dict(mapping)  # wrong


async def channel_data(checkout: CheckoutClient, session: sessions.Session) -> None:
    update = checkout.sessions.update_session
    await update(session.id, {"channel": "merchant_initiated", "request_type": "recurring_transaction"})  # right
    await update(session.id, {"channel": "merchant_initiated"})  # wrong
    await update(session.id, {"channel": "fax"})  # wrong
    await update(session.id, {"request_type": "recurring_transaction"})  # wrong
    await checkout.sessions.update_three_ds_method_completion(session.id, {"three_ds_method_completion": "Y"})  # right
    await checkout.sessions.update_three_ds_method_completion(session.id, {"three_ds_method_completion": "yes"})  # wrong


async def payment_bodies(checkout: CheckoutClient) -> None:
    request = checkout.payments.request_payment
    pay: payments.RequestCardSourceDict = {"type": "card", "number": "4242424242424242", "expiry_month": 6, "expiry_year": 2030}  # right
    assert_type(await request({"source": pay, "currency": "GBP", "amount": 1000}), payments.Payment)  # right
    await request({"source": {"type": "token", "token": "tok_1"}, "currency": "GBP", "amount": 1000})  # right
    await request({"source": pay, "currency": "GBP", "3ds": {"enabled": True}})  # right
    await request({"source": pay, "currency": "GBP", "capture_on": "2026-11-28T12:00:00Z"})  # right
    await request({"source": pay, "currency": "GBP", "capture_on": datetime.now(UTC)})  # right
    await request({"source": pay, "currency": "GBP", "metadata": {"order": "1", "count": 2, "vip": True}})  # right
    await request({"source": pay, "currency": "GBP", "items": [{"name": "Mug", "quantity": 1, "unit_price": 1000}]})  # right
    await request({"source": {"type": "currency_account", "id": "ca_1"}, "destination": {"type": "token", "token": "tok_1"}, "amount": 1, "currency": "GBP", "processing_channel_id": "pc_1"})  # right
    await request({"source": pay, "currency": "GBP", "three_ds": {"enabled": True}})  # wrong
    await request({"source": pay, "currency": "GBP", "3ds": {"enabld": True}})  # wrong
    await request({"source": pay, "currency": "GBP", "3ds": True})  # wrong
    await request({"source": pay, "currency": "GBP", "capture_on": 1764331200})  # wrong
    await request({"source": pay, "currency": "GBP", "metadata": "order"})  # wrong
    await request({"source": pay, "currency": "GBP", "metadata": {"order": ["1"]}})  # wrong
    await request({"source": pay, "currency": "GBP", "items": {"name": "Mug"}})  # wrong
    await request({"source": pay, "currency": "GBP", "amount": "19.99"})  # wrong
    await request({"source": pay, "amount": 1000})  # wrong
    crad: payments.RequestCardSourceDict = {"type": "crad", "number": "4242424242424242", "expiry_month": 6, "expiry_year": 2030}  # wrong
    half: payments.RequestCardSourceDict = {"type": "card", "number": "4242424242424242"}  # wrong


async def optional_bodies(checkout: CheckoutClient) -> None:
    await checkout.payments.capture_payment("pay_1")  # right
    await checkout.payments.capture_payment("pay_1", {"amount": 100})  # right
    await checkout.payments.capture_payment("pay_1", None)  # right
    await checkout.payments.refund_payment("pay_1", payments.RefundRequest(amount=100))  # right
    await checkout.payments.search_payments({"query": "id:'pay_1'", "from": "2026-11-01T00:00:00Z"})  # right
    await checkout.payments.capture_payment("pay_1", {"amout": 100})  # wrong
    await checkout.payments.capture_payment("pay_1", 100)  # wrong
    await checkout.payments.refund_payment("pay_1", payments.CaptureRequest())  # wrong
    await checkout.payments.void_payment("pay_1", {"amount": 100})  # wrong
    await checkout.payments.search_payments({"query": "id:'pay_1'", "from_": "2026-11-01T00:00:00Z"})  # wrong
    await checkout.payments.increment_authorization("pay_1")  # wrong


async def functions(checkout: CheckoutClient) -> None:
    await operations.payments.refund_payment(checkout, "pay_1", {"amount": 100})  # right
    operations.payments.build_refund_payment("pay_1", {"amount": 100})  # right
    await operations.payments.refund_payment(checkout, "pay_1", {"amuont": 100})  # wrong
    operations.payments.build_refund_payment("pay_1", {"amuont": 100})  # wrong
    await operations.payments.refund_payment("pay_1", {"amount": 100})  # wrong


def names() -> None:
    use(models.payments.PaymentRequest)  # right
    use(models.payments.PaymentRequestDict)  # right
    use(models.payments.ThreeDsRequestorAuthenticationInfoDict)  # right
    use(models.paymets)  # wrong
    use(models.payments.PaymentReqest)  # wrong
    use(models.payments.PaymentDict)  # wrong
    use(payments.Address)  # wrong
    use(operations.sesions)  # wrong
    use(operations.payments.request_paymet)  # wrong
