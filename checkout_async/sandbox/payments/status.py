"""The statuses of a payment, and which operations each allows.

The table is that of the API's payment life cycle. Any other operation is refused with 403, or answered with 200 if it
has been carried out already.
"""

from __future__ import annotations

from enum import StrEnum

from checkout_async.sandbox.core.spec import check_enum


class PaymentStatus(StrEnum):
    """Status of a payment, as the API names it."""

    PENDING = "Pending"
    AUTHORIZED = "Authorized"
    CARD_VERIFIED = "Card Verified"
    VOIDED = "Voided"
    PARTIALLY_CAPTURED = "Partially Captured"
    CAPTURED = "Captured"
    PARTIALLY_REFUNDED = "Partially Refunded"
    REFUNDED = "Refunded"
    DECLINED = "Declined"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    PAID = "Paid"
    RETURNED = "Returned"
    RETRY_SCHEDULED = "Retry Scheduled"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


check_enum("PaymentStatus", PaymentStatus)


class PaymentOperation(StrEnum):
    """What a merchant may do to a payment, by operationId."""

    INCREMENT = "increment_authorization"
    CAPTURE = "capture_payment"
    VOID = "void_payment"
    REFUND = "refund_payment"
    REVERSE = "reverse_payment"
    CANCEL_RETRY = "cancel_scheduled_retry"


_CAPTURED = frozenset({PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED})

ALLOWED_IN = {
    PaymentOperation.INCREMENT: frozenset({PaymentStatus.AUTHORIZED}),
    PaymentOperation.CAPTURE: frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}),
    PaymentOperation.VOID: frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}),
    PaymentOperation.REFUND: _CAPTURED,
    PaymentOperation.REVERSE: _CAPTURED | {PaymentStatus.AUTHORIZED, PaymentStatus.RETRY_SCHEDULED},
    PaymentOperation.CANCEL_RETRY: frozenset({PaymentStatus.RETRY_SCHEDULED}),
}
"""Statuses in which an operation is allowed."""

DONE_IN = {
    PaymentOperation.CAPTURE: frozenset({PaymentStatus.CAPTURED}),
    PaymentOperation.VOID: frozenset({PaymentStatus.VOIDED}),
    PaymentOperation.REFUND: frozenset({PaymentStatus.REFUNDED}),
    PaymentOperation.REVERSE: frozenset({PaymentStatus.VOIDED, PaymentStatus.REFUNDED, PaymentStatus.CANCELED}),
}
"""Statuses in which an operation has nothing left to do, so that it answers 200."""
