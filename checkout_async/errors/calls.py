"""Errors of calls: the request was refused here, no reply was received, or the reply is not a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from checkout_async.errors.base import CheckoutError
from checkout_async.redaction import Headers, SecretBytes, clears_frames

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "Conflict",
    "ConnectFailed",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "ReplyMismatch",
    "ServerError",
    "TransportError",
    "Unauthorized",
    "UnexpectedResponse",
    "UnprocessableEntity",
]

# RFC 9110 section 15 and RFC 8470 section 5.2. Of all server errors, only "not implemented" and "version not supported"
# say that nothing was done. Gateways use codes of their own, such as 520 and 524, and even codes above 599, if the
# reply did not reach them in time.
_REQUEST_TIMEOUT: Final = 408
_NOT_PROCESSED: Final = frozenset({425, 429})
_UNSUPPORTED: Final = frozenset({501, 505})


class _WithReply(CheckoutError):
    """The base of errors that keep a reply as it was received.

    Its headers and body are in slots: whatever writes an error by its `vars`, or a traceback that shows them, does not
    write what they contain. Pickles and copies take them along.
    """

    __slots__ = ("_body", "_headers")
    _body: SecretBytes
    _headers: Headers

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the reply, with names in lower case; empty if none came."""
        return self._headers

    @property
    def body(self) -> bytes:
        """The raw body of the reply, empty if none came. Its `repr` shows only its length."""
        return self._body

    def _keep(self, headers: Mapping[str, str] | None, body: bytes) -> None:
        self._headers = Headers(headers or {})
        self._body = SecretBytes(body)

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_headers": self._headers, "_body": self._body}


class InvalidRequest(CheckoutError):
    """The request does not match the specification. Nothing was sent.

    `argument` is the name of the Python argument, such as `body` or `payment_id`. `path` is the JSON path of the
    offending member in a body (`$.source.number`), or the name of the argument again. `reason` says what is wrong; none
    of them contains the value. `operation` is the operation's name.
    """

    def __init__(
        self, message: str, /, *, operation: str = "", path: str = "$", reason: str = "", argument: str | None = None
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.path = path
        self.reason = reason
        self.argument: str = argument if argument is not None else "body" if path.startswith("$") else path


class AuthenticationFailed(_WithReply):
    """The token endpoint refused the credentials, or the address it was asked at. The API did nothing.

    `error` is the OAuth error code, `description` the text that came with it (RFC 6749 section 5.2); each is None if
    the reply had none. `status` is the HTTP status. `body` is the body of the reply, with the client secret masked if
    the server echoed it. If the endpoint cannot be reached or is out of order, the error is ConnectFailed.
    """

    @clears_frames
    def __init__(
        self,
        message: str,
        /,
        *,
        status: int | None = None,
        error: str | None = None,
        description: str | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.description = description
        self._keep(None, body)


class TransportError(CheckoutError):
    """No reply was received.

    `operation` is the operation's name and `attempts` the number of attempts made. `reason` says what happened on the
    network, such as which host name could not be resolved; it is empty if nothing is known of that.
    """

    def __init__(self, message: str, /, *, operation: str = "", attempts: int = 1, reason: str = "") -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts
        self.reason = reason


class ConnectFailed(TransportError):
    """The request could not be sent, so nothing was done. Repeating the call is safe.

    There was no connection, no free slot in time, or no access token because the token endpoint could not be reached or
    is out of order. The text says which.
    """

    is_transient = True


class OutcomeUnknown(TransportError):
    """The request may have arrived and may have been carried out. The text says what to do about it.

    `may_have_been_done` is False only if the operation only reads. With an idempotency key, call again with the same
    key until `key_expires_at`: keys live 24 hours. After that the API would carry the call out again, so look the
    result up by its reference first (`checkout_async.recovery`).
    """

    may_have_been_done = True
    is_transient = True


_MOVED: Final = frozenset({301, 307, 308})
"""Statuses of RFC 9110 section 15.4 that say: not carried out here, send it there. 302 and 303 are also sent after a
request was carried out, and no other status below 400 says anything certain."""


class UnexpectedResponse(_WithReply):
    """The reply is not what the specification promises. Nothing of it is lost.

    `status`, `headers`, `request_id` and the raw `body` are as received. `reason` says what could not be understood.
    A success status means that the API carried the operation out.
    """

    @clears_frames
    def __init__(
        self,
        message: str,
        /,
        *,
        operation: str = "",
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        body: bytes = b"",
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.request_id = request_id
        self._keep(headers, body)
        self.reason = reason
        self.may_have_been_done: bool = status not in _MOVED


class ReplyMismatch(UnexpectedResponse):
    """The reply belongs to another request: it contradicts what was sent.

    With an idempotency key of your own, that key was most probably used for another request within 24 hours: the API
    then answers with the first reply and does nothing. Without a key, an intermediary has mixed up replies, and the
    request may have been carried out. `value` is the decoded reply, and `reason` names the member that differs. A
    pickled or copied error has no `value`; its `body` has the bytes.
    """

    # Not in __dict__, so that a traceback that shows attributes does not show it.
    __slots__ = ("_value",)
    _value: object

    @clears_frames
    def __init__(
        self,
        message: str,
        /,
        *,
        operation: str = "",
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        body: bytes = b"",
        reason: str = "",
        value: object = None,
    ) -> None:
        super().__init__(
            message,
            operation=operation,
            status=status,
            headers=headers,
            request_id=request_id,
            body=body,
            reason=reason,
        )
        self._value = value

    @property
    def value(self) -> object:
        """The decoded reply."""
        return getattr(self, "_value", None)


class ApiError(_WithReply):
    """The API answered with an error status.

    `error_type` and `error_codes` come from the error body, scrubbed; they are None and empty if it has none.
    `request_id` is what Checkout.com's support asks for. `body` is the raw bytes. `retry_after` is the wait in seconds
    that the reply asked for, or None.
    """

    @clears_frames
    def __init__(
        self,
        message: str,
        /,
        *,
        operation: str = "",
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        error_type: str | None = None,
        error_codes: Sequence[str] = (),
        retry_after: float | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.request_id = request_id
        self.error_type = error_type
        self.error_codes: tuple[str, ...] = tuple(error_codes)
        self.retry_after = retry_after
        self._keep(headers, body)
        self.may_have_been_done: bool = status == _REQUEST_TIMEOUT or (status >= 500 and status not in _UNSUPPORTED)
        self.is_transient: bool = self.may_have_been_done or status in _NOT_PROCESSED


class Unauthorized(ApiError):
    """401: the credential is missing, expired or not accepted here."""


class Forbidden(ApiError):
    """403: a scope is missing, or a business rule or the resource's state forbids the operation."""


class NotFound(ApiError):
    """404: this credential gives access to no such resource."""


class Conflict(ApiError):
    """409: the resource is in use by another request, or exists already."""


class UnprocessableEntity(ApiError):
    """422: the API found the request invalid; `error_codes` name the members."""


class RateLimited(ApiError):
    """429: too many requests. Nothing was done. `retry_after` is the wait in seconds the API asks for, or None."""


class ServerError(ApiError):
    """500 and above: the API or a gateway in front of it failed. The operation may have been carried out."""
