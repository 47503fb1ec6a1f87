"""The outcome of one record: a `BatchResult`, the session as it was last seen, and the error if there was one.

`Outcome` is the shape of a row of the output. Members without a value are left out. The cryptogram is payment data:
`repr` masks it; the output and the journal contain it.
"""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import Final

import msgspec

from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.words import what_happened
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    CheckoutError,
    ClientClosed,
    ConfigurationError,
    ConnectFailed,
    Forbidden,
    IncompatibleVersion,
    InvalidRequest,
    MissingExtra,
    NotFound,
    Unauthorized,
    UnexpectedResponse,
    WrongLoop,
    WrongProcess,
)
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.redaction import MASK
from checkout_async.threeds import Verdict
from checkout_async.threeds.result import verdict_of

__all__ = [
    "INVALID_RECORD",
    "UNUSABLE_CLIENT",
    "BatchResult",
    "ErrorInfo",
    "Outcome",
    "result_without_session",
]

INVALID_RECORD: Final = "InvalidRecord"
"""`ErrorInfo.kind` of a record that is not a request."""

UNUSABLE_CLIENT: Final = (
    ClientClosed,
    ConfigurationError,
    IncompatibleVersion,
    MissingExtra,
    WrongLoop,
    WrongProcess,
)

_INVALID_REQUEST_STATUSES: Final = frozenset({400, 422})
"""Statuses that mean that the request itself is invalid. Others come from a wrong address, a gateway, a busy API."""


class BatchResult(StrEnum):
    """The result of a record, and what to do about it: a verdict of `threeds`, or how far the record came."""

    AUTHENTICATED = Verdict.AUTHENTICATED.value
    """The cardholder is authenticated: authorise with eci and cryptogram, or with the session's id."""
    ATTEMPTED = Verdict.ATTEMPTED.value
    """A stand-in answered for the issuer; counts as authenticated."""
    CHALLENGE_REQUIRED = "challenge_required"
    """Only the cardholder can continue: with a challenge, or on a hosted page."""
    DECLINED = Verdict.DECLINED.value
    """The issuer did not authenticate: do not authorise."""
    REJECTED = Verdict.REJECTED.value
    """The issuer rejects the transaction: do not authorise."""
    UNAVAILABLE = Verdict.UNAVAILABLE.value
    """Authentication could not be done; authorising without it is the merchant's own risk."""
    ABANDONED = Verdict.ABANDONED.value
    """The cardholder left the challenge: do not authorise; a new session may be requested."""
    EXPIRED = Verdict.EXPIRED.value
    """The session ended before anything was decided; a new one may be requested."""
    INVALID = "invalid"
    """The request breaks the specification, or the API refused it: no session was created. Fix it and resume."""
    FAILED = "failed"
    """The request was not sent, or it was refused unexamined: resume to send it."""
    UNKNOWN = "unknown"
    """The request may have arrived. Resuming reads the session if its id is known; otherwise a person has to decide."""

    @property
    def is_final(self) -> bool:
        """Whether the record is finished: a later run does nothing for it."""
        return self not in {BatchResult.INVALID, BatchResult.FAILED, BatchResult.UNKNOWN}


_TO_DO: Final = {
    BatchResult.INVALID: "; correct the record, then --resume",
    BatchResult.FAILED: "; --resume sends it",
    BatchResult.UNKNOWN: "; a session may exist: look it up by the reference. If there is none, --resume "
    "--retry-unknown sends it again",
}


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a record has no result from a session. `kind` is the name of a class of `errors`, or INVALID_RECORD.

    `message` says what happened and what to do about it; if the API refused the request, it has the API's error codes.
    `path` is the JSON path of what is wrong in the request, if this package found it. `status` is the HTTP status;
    `request_id` is what Checkout.com's support asks for.
    """

    kind: str
    message: str
    path: str | None = None
    status: int | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, error: Exception, advice: str = "") -> ErrorInfo:
        """Describe an error. One that this package should never raise is described by its place in the code alone."""
        if not isinstance(error, CheckoutError):
            return cls._defect(error)
        return cls(
            kind=type(error).__name__,
            message=_writable(what_happened(error) + advice),
            path=error.path if isinstance(error, InvalidRequest) else None,
            status=error.status if isinstance(error, ApiError | UnexpectedResponse | AuthenticationFailed) else None,
            request_id=_request_id(error),
        )

    @classmethod
    def _defect(cls, error: Exception) -> ErrorInfo:
        places = [f"{place.name}, line {place.lineno}" for place in traceback.extract_tb(error.__traceback__)]
        where = places[-1] if places else "raised nowhere"
        return cls(kind=type(error).__name__, message=f"a defect of this package, please report it ({where})")


def _request_id(error: CheckoutError) -> str | None:
    request_id = error.request_id if isinstance(error, ApiError | UnexpectedResponse) else None
    return None if request_id is None else _writable(request_id)


def _writable(text: str) -> str:
    """Return a text that can be written as UTF-8: a header may contain bytes that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one record. If there is an `error`, the other members show how far the session had come.

    `seconds` is the time from the first request to the last reply. `replayed` means that an earlier run with the same
    journal found the outcome. `entry` is the id of the journal and the number of the outcome in it.
    """

    line: int
    result: BatchResult
    reference: str | None = None
    session_id: str | None = None
    status: sessions.SessionStatus | None = None
    eci: str | None = None
    cryptogram: str | None = None
    xid: str | None = None
    response_code: sessions.ResponseCode | None = None
    seconds: float | None = None
    error: ErrorInfo | None = None
    replayed: bool = False
    entry: str | None = None

    @classmethod
    def invalid_record(cls, invalid: InvalidRecord) -> Outcome:
        """Return the outcome of a record that is not a request."""
        failure = ErrorInfo(kind=INVALID_RECORD, message=invalid.reason, path=invalid.path or "$")
        return cls(line=invalid.line, reference=invalid.reference, result=BatchResult.INVALID, error=failure)

    @classmethod
    def not_sent(cls, record: Record, error: Exception) -> Outcome:
        """Return the outcome of a record that was not sent because of a failure on this machine."""
        failure = ErrorInfo.of(error, _TO_DO[BatchResult.FAILED])
        return cls(line=record.line, reference=record.reference, result=BatchResult.FAILED, error=failure)

    @classmethod
    def of(
        cls,
        record: Record,
        session: sessions.Session | None,
        error: Exception | None = None,
        *,
        session_id: str | None = None,
        seconds: float | None = None,
    ) -> Outcome:
        """Return the outcome of a record from its session as last seen. `session` is None if no session was seen."""
        if session is None:
            result = result_without_session(error) if session_id is None else BatchResult.UNKNOWN
            return cls(
                line=record.line,
                reference=record.reference,
                result=result,
                session_id=session_id,
                seconds=seconds,
                error=None if error is None else ErrorInfo.of(error, _what_to_do(result, session_id, error)),
            )
        return cls(
            line=record.line,
            reference=record.reference,
            # Whatever failed later, the session exists: a resumed run reads it.
            result=_result_of_session(session) if error is None else BatchResult.UNKNOWN,
            session_id=session.id,
            status=session.status,
            eci=session.eci,
            cryptogram=session.cryptogram,
            xid=session.xid,
            response_code=session.response_code,
            seconds=seconds,
            error=None if error is None else ErrorInfo.of(error, _what_to_do(BatchResult.UNKNOWN, session.id, error)),
        )

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return the members that have a value, with the cryptogram masked (the protocol of the rich library)."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["cryptogram"] = self.cryptogram and MASK
        return [(name, value) for name, value in shown.items() if value is not None and value is not False]

    def __getstate__(self) -> dict[str, object]:
        """Return what `repr` shows. Pickles and copies are whole: a Struct has `__reduce__` for them."""
        return dict(self.__rich_repr__())

    def __repr__(self) -> str:
        return f"Outcome({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _what_to_do(result: BatchResult, session_id: str | None, error: Exception) -> str:
    if isinstance(error, InvalidRequest):
        return ""  # its text says what to correct
    if session_id is None:
        return _TO_DO.get(result, "")
    if isinstance(error, NotFound):
        return "; --resume reads the session again. If there is none, --resume --retry-unknown sends the record again"
    return "; --resume reads the session"


def _result_of_session(session: sessions.Session) -> BatchResult:
    if _waits_for_cardholder(session):
        return BatchResult.CHALLENGE_REQUIRED
    verdict = verdict_of(session)
    return BatchResult.UNKNOWN if verdict is Verdict.UNDECIDED else BatchResult(verdict.value)


def _waits_for_cardholder(session: sessions.Session) -> bool:
    if session.status is sessions.SessionStatus.PENDING:
        return sessions.NextAction.REDIRECT_CARDHOLDER in (session.next_actions or ())
    return session.status is sessions.SessionStatus.CHALLENGED


def result_without_session(error: Exception | None) -> BatchResult:
    """Return the result of a record of which no session is known."""
    if isinstance(error, InvalidRequest):
        return BatchResult.INVALID
    if isinstance(error, AuthenticationFailed | ConnectFailed | Unauthorized | Forbidden):
        return BatchResult.FAILED
    if isinstance(error, UNUSABLE_CLIENT):
        return BatchResult.UNKNOWN if error.may_have_been_done else BatchResult.FAILED
    if not isinstance(error, ApiError | UnexpectedResponse) or error.may_have_been_done:
        return BatchResult.UNKNOWN
    if isinstance(error, UnexpectedResponse):
        return BatchResult.FAILED
    # The session exists. Only reading it failed, and that can succeed later.
    if error.operation == operations.GET_SESSION.name and error.is_transient:
        return BatchResult.UNKNOWN
    return BatchResult.INVALID if error.status in _INVALID_REQUEST_STATUSES else BatchResult.FAILED
