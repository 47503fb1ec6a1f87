"""Calls: arguments by position and by keyword, options, results, pages."""

from collections.abc import AsyncIterator
from typing import assert_type

from checkout_async import CheckoutClient, RetryPolicy, SessionSecret, Timeouts, operations
from checkout_async.models import payments, sessions


async def arguments(checkout: CheckoutClient) -> None:
    await checkout.payments.get_payment("pay_1")  # right
    await checkout.payments.get_payment(payment_id="pay_1")  # right
    await checkout.payments.list_payments(reference="ORD-1")  # right
    await checkout.payments.list_payments(reference="ORD-1", limit=10, skip=10)  # right
    await checkout.sessions.get_session("sid_1", channel="browser")  # right
    await checkout.sessions.get_session("sid_1", channel=sessions.ChannelType.APP)  # right
    await checkout.sessions.get_session("sid_1", channel=sessions.ChannelType("new"))  # right
    await checkout.payments.list_payments("ORD-1")  # wrong
    await checkout.payments.list_payments()  # wrong
    await checkout.payments.list_payments(reference="ORD-1", limit="10")  # wrong
    await checkout.payments.get_payment()  # wrong
    await checkout.payments.get_payment(1)  # wrong
    await checkout.payments.get_payment("pay_1", "more")  # wrong
    await checkout.payments.get_paymnt("pay_1")  # wrong
    await checkout.payment.get_payment("pay_1")  # wrong
    await checkout.sessions.get_session("sid_1", "browser")  # wrong
    await checkout.sessions.get_session("sid_1", channel="brwser")  # wrong
    await checkout.payments.capture_payment({"amount": 100}, "pay_1")  # wrong


async def options(checkout: CheckoutClient) -> None:
    await checkout.payments.get_payment("pay_1", timeout=10, retry=RetryPolicy(attempts=1), headers={"X-Own": "1"})  # right
    await checkout.payments.get_payment("pay_1", timeout=Timeouts(total=10))  # right
    await checkout.payments.refund_payment("pay_1", idempotency_key="refund-1", validate="off")  # right
    await checkout.sessions.get_session("sid_1", session_secret="sek_1")  # right
    await checkout.payments.refund_payment("pay_1", extra_body={"new": 1})  # right
    await checkout.payments.get_payment("pay_1", idempotency_key="key")  # wrong
    await checkout.payments.get_payment("pay_1", session_secret="sek_1")  # wrong
    await checkout.payments.get_payment("pay_1", timeout="10")  # wrong
    await checkout.payments.get_payment("pay_1", validate="lax")  # wrong
    await checkout.payments.get_payment("pay_1", headers=["X-Own"])  # wrong
    await checkout.payments.get_payment("pay_1", extra_body={})  # wrong
    await checkout.sessions.get_session("sid_1", session_secret=SessionSecret("sek_1"))  # wrong


async def results(checkout: CheckoutClient) -> None:
    assert_type(await checkout.payments.get_payment("pay_1"), payments.Payment)  # right
    assert_type(await checkout.payments.get_payment_actions("pay_1"), list[payments.PaymentAction])  # right
    assert_type(await checkout.sessions.complete_session("sid_1"), None)  # right
    assert_type(checkout.payments.iterate_payments(reference="ORD-1"), AsyncIterator[payments.Payment])  # right
    async for payment in checkout.payments.iterate_payments(reference="ORD-1", max_items=3):  # right
        assert_type(payment, payments.Payment)  # right
    response = await checkout.send(operations.payments.build_get_payment("pay_1"))
    assert_type(response.value, payments.Payment)  # right
    assert_type(response.request_id, str | None)  # right
    for payment in checkout.payments.iterate_payments(reference="ORD-1"):  # wrong
        pass
    text: str = await checkout.payments.get_payment("pay_1")  # wrong
    assert_type(await checkout.payments.capture_payment("pay_1"), payments.Payment)  # wrong
