"""The statuses of a payment, and which operations each allows.

The table is that of the API's payment life cycle; an operation beside it is refused with 403, or answered with 200
where it has been carried out already.
"""

from __future__ import annotations

from enum import StrEnum


class PaymentStatus(StrEnum):
    """Where a payment stands."""

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


class Deed(StrEnum):
    """What a merchant may do to a payment."""

    INCREMENT = "increment"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    REVERSE = "reverse"
    CANCEL_RETRY = "cancel the retry of"


_CAPTURED = frozenset({PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED})

ALLOWED = {
    Deed.INCREMENT: frozenset({PaymentStatus.AUTHORIZED}),
    Deed.CAPTURE: frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}),
    Deed.VOID: frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}),
    Deed.REFUND: _CAPTURED,
    Deed.REVERSE: _CAPTURED | {PaymentStatus.AUTHORIZED, PaymentStatus.RETRY_SCHEDULED},
    Deed.CANCEL_RETRY: frozenset({PaymentStatus.RETRY_SCHEDULED}),
}

DONE = {
    Deed.CAPTURE: frozenset({PaymentStatus.CAPTURED}),
    Deed.VOID: frozenset({PaymentStatus.VOIDED}),
    Deed.REFUND: frozenset({PaymentStatus.REFUNDED}),
    Deed.REVERSE: frozenset({PaymentStatus.VOIDED, PaymentStatus.REFUNDED, PaymentStatus.CANCELED}),
}
"""Statuses in which there is nothing left to do, so that the operation answers 200."""
