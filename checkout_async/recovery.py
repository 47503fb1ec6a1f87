"""Find out what a call in doubt did: from an error or an abandoned call to the payments that it may have made.

    try:
        payment = await checkout.payments.request_payment(order)
    except errors.CheckoutError as error:
        found = await find_payments(checkout, error, reference=order.reference)

Nothing here changes anything. An empty list is no proof that nothing was done: the API may show a payment later than it
makes it, and a request may still be on its way. Until `key_expires_at`, calling again with the same idempotency key is
the better answer: it returns the payment if it was made, and makes it if it was not. After that, look it up again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.response import http_date
from checkout_async._core.wire import ApiRequest, ApiResponse, Sender
from checkout_async.errors import CheckoutError, InvalidRequest, NotFound
from checkout_async.models import payments
from checkout_async.operations import payments as operations

__all__ = ["find_actions", "find_payments"]

T = TypeVar("T")

# What is left when the clocks of this machine and of the API were compared. To find too much is safer than too little.
_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
_KEY_LIFETIME: Final = timedelta(seconds=operations.REQUEST_PAYMENT.key_lifetime)


async def find_payments(
    sender: Sender,
    doubt: BaseException | AbandonedCall,
    *,
    reference: str | None = None,
    since: datetime | None = None,
) -> list[payments.Payment]:
    """Return the payments that the call in doubt may have made, the newest first.

    Several payments may fit, for instance that of an earlier try with the same reference, which was declined: compare
    amount and status. An empty list means that the API shows none yet, and is no proof that none was made.

    Args:
        sender: The client, with a credential that may read payments.
        doubt: The error that ended `request_payment`, a cancellation of it, or an entry of `client.abandoned_calls`.
        reference: The `reference` of the payment's request. An abandoned call knows it.
        since: Look at payments that were requested at this time or later. It needs a zone. By default, five minutes
            before the first attempt, or all payments with the reference if that is not known: a key of your own may
            have been used long before. If this machine's clock is ahead of the API's, that much earlier.

    Raises:
        InvalidRequest: There is no reference, or `since` has no zone.
        CheckoutError: The payments cannot be listed.
    """
    if reference is None and isinstance(doubt, AbandonedCall):
        reference = doubt.reference
    if not reference:
        raise _invalid("find_payments", "reference", "is missing; without it payments cannot be looked up")
    start = _start("find_payments", doubt, since)
    dated = _DatedSender(sender)
    try:
        found = [payment async for payment in operations.iterate_payments(dated, reference=reference)]
    except NotFound:
        return []
    start = start if since is not None else _earlier(start, dated.ahead)
    return [payment for payment in found if payment.requested_on is None or payment.requested_on >= start]


async def find_actions(
    sender: Sender,
    doubt: BaseException | AbandonedCall,
    payment_id: str,
    *,
    reference: str | None = None,
    since: datetime | None = None,
) -> list[payments.PaymentAction]:
    """Return what was done to a payment since a capture, refund or other call on it is in doubt, the newest first.

    Actions are carried out later than they are accepted, so an empty list is no proof that nothing will be done.

    Args:
        sender: The client, with a credential that may read payments.
        doubt: The error that ended the call, a cancellation of it, or an entry of `client.abandoned_calls`.
        payment_id: The payment.
        reference: Return only actions with this reference. An abandoned call knows the one of its request.
        since: Return only actions that were carried out at this time or later, as for `find_payments`.

    Raises:
        InvalidRequest: `since` has no zone.
        CheckoutError: The actions cannot be read.
    """
    if reference is None and isinstance(doubt, AbandonedCall):
        reference = doubt.reference
    start = _start("find_actions", doubt, since)
    dated = _DatedSender(sender)
    actions = await operations.get_payment_actions(dated, payment_id)
    start = start if since is not None else _earlier(start, dated.ahead)
    return [
        action
        for action in actions
        if (action.processed_on is None or action.processed_on >= start) and reference in {None, action.reference}
    ]


class _DatedSender:
    """A sender that notes by how much this machine's clock is `ahead` of the API's, by the `Date` of the replies."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.ahead: timedelta = timedelta(0)

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        """Send the request."""
        response = await self._sender.send(request)
        date = http_date(response.headers.get("date", ""))
        if date is not None:
            self.ahead = max(self.ahead, _now() - date)
        return response


def _now() -> datetime:
    return datetime.now(UTC)


def _earlier(start: datetime, by: timedelta) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return earliest if start - earliest <= by else start - by


def _start(function: str, doubt: BaseException | AbandonedCall, since: datetime | None) -> datetime:
    """Return the time from which on the call may have had an effect; the beginning of time if it is not known."""
    if since is not None:
        if since.tzinfo is None:
            raise _invalid(function, "since", "needs a zone; datetime.now(timezone.utc) has one")
        return since
    expires_at = doubt.key_expires_at if isinstance(doubt, CheckoutError | AbandonedCall) else None
    if expires_at is None:
        return datetime.min.replace(tzinfo=UTC)
    return expires_at - _KEY_LIFETIME - _CLOCK_DIFFERENCE


def _invalid(function: str, path: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{function}: {path} {reason}", operation=function, path=path, reason=reason)
