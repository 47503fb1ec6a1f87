"""Authenticates a card with Sessions, pays with the authentication, captures and refunds parts, and reads the payment.

Runs against the embedded simulator: `python examples/authenticate_and_pay.py`. With the real sandbox, only the client
differs, and the cardholder answers the challenge in the browser. Amounts are in the minor unit.
"""

from __future__ import annotations

import asyncio

from checkout_async import CheckoutClient, errors
from checkout_async.models import payments, sessions
from checkout_async.sandbox import Sandbox

CARD, AMOUNT, CURRENCY = "4242424242424242", 6540, "GBP"

BROWSER = sessions.BrowserChannelData(
    accept_header="text/html",
    java_enabled=False,
    language="en-GB",
    color_depth="24",
    screen_height="1080",
    screen_width="1920",
    timezone="0",
    user_agent="Mozilla/5.0",
    ip_address="192.0.2.1",
    three_ds_method_completion=sessions.ThreeDsMethodCompletion.U,
)


async def authenticate(checkout: CheckoutClient, sandbox: Sandbox) -> sessions.Session:
    """Create a session with the cardholder's browser data; the cardholder passes the challenge."""
    session = await checkout.sessions.request_session(
        sessions.SessionRequest(
            source=sessions.CardSource(number=CARD, expiry_month=1, expiry_year=2030),
            amount=AMOUNT,
            currency=CURRENCY,
            completion=sessions.NonHostedCompletionInfo(),
            channel_data=BROWSER,
        )
    )
    if session.status is sessions.SessionStatus.CHALLENGED:
        await sandbox.cardholder.complete_challenge(session.id, trans_status="Y")
        session = await checkout.sessions.get_session(session.id)
    return session


async def pay(checkout: CheckoutClient, session: sessions.Session) -> payments.Payment:
    """Charge the card with the session's result. A decline is also a result, not an error."""
    order = payments.PaymentRequest(
        source=payments.RequestCardSource(number=CARD, expiry_month=1, expiry_year=2030, cvv="100"),
        amount=AMOUNT,
        currency=CURRENCY,
        capture=False,
        reference="ORD-5023-4E89",
        three_ds=payments.ThreeDsRequest(enabled=True, authentication_id=session.id),
    )
    key = None
    for wait in (1, 10, 60):
        try:
            return await checkout.payments.request_payment(order, idempotency_key=key)
        except errors.CheckoutError as error:
            # Once in doubt, the payment stays so: a later "nothing was done" speaks of the later call only.
            if key is None and not error.may_have_been_done:
                raise
            key = key or error.idempotency_key
        await asyncio.sleep(wait)
    # The same key gives the payment if it was made, and makes it if it was not.
    return await checkout.payments.request_payment(order, idempotency_key=key)


async def settle(checkout: CheckoutClient, payment_id: str) -> None:
    """Capture most of the payment, then refund part of it."""
    await checkout.payments.capture_payment(
        payment_id, payments.CaptureRequest(amount=5000, capture_type=payments.CaptureType.NON_FINAL)
    )
    await checkout.payments.refund_payment(payment_id, payments.RefundRequest(amount=1500))


async def main() -> None:
    """Run the example once."""
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        session = await authenticate(checkout, sandbox)
        print(f"authenticated: {session.status}, eci {session.eci}")
        payment = await pay(checkout, session)
        print(f"paid: {payment.status}, approved {payment.approved}")
        await settle(checkout, payment.id)
        payment = await checkout.payments.get_payment(payment.id)
        print(f"now: {payment.status}, {payment.balances}")
        for action in await checkout.payments.get_payment_actions(payment.id):
            print(f"  {action.type}: {action.amount}")


if __name__ == "__main__":
    asyncio.run(main())
