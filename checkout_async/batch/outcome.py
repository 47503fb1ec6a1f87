"""What became of one line: the session as it was last seen, or the error. This is the shape of the results file.

Members without a value are left out. The cryptogram is payment data: `repr` masks it, the results file holds it.
"""

from __future__ import annotations

import traceback

import msgspec

from checkout_async._core.retry import is_ambiguous
from checkout_async.batch.records import BadLine, Record
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    CheckoutError,
    InvalidRequest,
    OutcomeUnknown,
    UnexpectedResponse,
)
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.redaction import MASK

__all__ = ["MALFORMED_LINE", "Failure", "Outcome", "encode_outcome"]

MALFORMED_LINE = "MalformedLine"
"""`Failure.kind` of a line that is no JSON object."""

_encoder = msgspec.json.Encoder()


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a line has no result. `kind` is the name of an error class of `checkout_async.errors`, or MALFORMED_LINE.

    `path` is the JSON path in the request, `status` the HTTP status, `request_id` what Checkout.com's support asks
    for. `may_have_been_done` says that the API may have carried out the call all the same: without a session id, a
    session may exist that nobody knows of.
    """

    kind: str
    message: str
    path: str | None = None
    status: int | None = None
    request_id: str | None = None
    may_have_been_done: bool = False

    @classmethod
    def of(cls, error: CheckoutError) -> Failure:
        """Return what is worth telling about an error."""
        return cls(
            kind=type(error).__name__,
            message=str(error),
            path=error.path if isinstance(error, InvalidRequest) else None,
            status=error.status if isinstance(error, ApiError | UnexpectedResponse | AuthenticationFailed) else None,
            request_id=error.request_id if isinstance(error, ApiError | UnexpectedResponse) else None,
            may_have_been_done=_may_have_been_done(error),
        )

    @classmethod
    def defect(cls, error: Exception) -> Failure:
        """Return what may be told about an error that this package should never raise: its place, not its text."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        return cls(
            kind=type(error).__name__,
            message=f"a defect of this package, please report it ({place.name}, line {place.lineno})",
            may_have_been_done=True,
        )


def _may_have_been_done(error: CheckoutError) -> bool:
    if (
        not isinstance(error, ApiError | OutcomeUnknown | UnexpectedResponse)
        or error.operation == operations.GET_SESSION.name
    ):
        return False
    return isinstance(error, UnexpectedResponse) or is_ambiguous(error)


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one line. With an `error`, the other members tell how far the session had come."""

    line: int
    reference: str | None = None
    session_id: str | None = None
    status: sessions.SessionStatus | None = None
    eci: str | None = None
    cryptogram: str | None = None
    response_code: sessions.ResponseCode | None = None
    error: Failure | None = None

    @classmethod
    def malformed(cls, bad: BadLine) -> Outcome:
        """Return the outcome of a line that holds no request."""
        return cls(line=bad.line, error=Failure(kind=MALFORMED_LINE, message=bad.reason))

    @classmethod
    def of(cls, record: Record, session: sessions.Session | None, error: Failure | None = None) -> Outcome:
        """Return the outcome of a record whose session was last seen like this; None if no session is known."""
        if session is None:
            return cls(line=record.line, reference=record.reference, error=error)
        return cls(
            line=record.line,
            reference=record.reference,
            session_id=session.id,
            status=session.status,
            eci=session.eci,
            cryptogram=session.cryptogram,
            response_code=session.response_code,
            error=error,
        )

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["cryptogram"] = self.cryptogram and MASK
        members = ", ".join(f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"Outcome({members})"


def encode_outcome(outcome: Outcome) -> bytes:
    """Return an outcome as a line of JSON, line feed included."""
    return _encoder.encode(outcome) + b"\n"
