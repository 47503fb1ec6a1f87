"""Every error the package raises.

CheckoutError
├── ConfigurationError        A setting is wrong. Nothing was sent.
├── MissingExtra              A package is not installed that this needs. The text says what to install.
├── IncompatibleVersion       An installed package behaves in a way that this package cannot rely on. Nothing was sent.
├── ClientClosed              The client is closed. Nothing was sent.
├── WrongLoop                 The client belongs to another event loop. Nothing was sent.
├── WrongProcess              The client, store or journal belongs to another process. Nothing was sent.
├── InvalidRequest            The request breaks the specification. Nothing was sent.
├── AuthenticationFailed      The token endpoint refused the credentials or could not be used.
├── TokenStoreError           A token store failed. A client logs this error and continues without the store.
├── BatchFileError            A file of a batch (input, results, journal, report) cannot be used.
│   └── JournalInUse          Another process has the journal of the batch open.
├── JournalError              The journal of a batch can no longer be written. The run must stop.
├── RunIncomplete             A batch on several machines ended early. Resume it to continue.
├── TransportError            No reply was received.
│   ├── ConnectFailed         No connection was made. Nothing was sent.
│   └── OutcomeUnknown        The request may have arrived and may have been carried out.
├── InvalidSignature          Checkout.com did not sign this webhook, or not with this key.
├── MalformedMessage          A message from the cardholder's browser, or a webhook, cannot be understood.
├── UnexpectedResponse        The reply cannot be understood. Its status and raw body are kept.
│   └── ReplyMismatch         The reply belongs to another request with the same idempotency key.
└── ApiError                  The API answered with an error status. (408: the operation may have been carried out.)
    ├── Unauthorized          401
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409
    ├── UnprocessableEntity   422
    ├── RateLimited           429
    └── ServerError           500 and above

Two attributes of every error decide what to do next: `may_have_been_done` (look up the result, or call again with the
same idempotency key) and `is_transient` (the same call can succeed later).

The text of an error never contains a value from the request. Text from the server is scrubbed of anything that looks
like a card number, a key or a token, and of what the specification marks as sensitive in the request, should the server
repeat it. Every attribute always exists. Errors can be pickled and copied: they take the
reply's headers and body with them exactly as received, so that nothing of it is lost, and nothing of the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from checkout_async.redaction import Headers, Secret, SecretBytes

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "BatchFileError",
    "CheckoutError",
    "ClientClosed",
    "ConfigurationError",
    "Conflict",
    "ConnectFailed",
    "Forbidden",
    "IncompatibleVersion",
    "InvalidRequest",
    "InvalidSignature",
    "JournalError",
    "JournalInUse",
    "MalformedMessage",
    "MissingExtra",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "ReplyMismatch",
    "RunIncomplete",
    "ServerError",
    "TokenStoreError",
    "TransportError",
    "Unauthorized",
    "UnexpectedResponse",
    "UnprocessableEntity",
    "WrongLoop",
    "WrongProcess",
]


# RFC 9110 section 15 and RFC 8470 section 5.2. Of all server errors, only "not implemented" and "version not supported"
# say that nothing was done. Gateways use codes of their own, such as 520 and 524, and even codes above 599, if the
# reply did not reach them in time.
_REQUEST_TIMEOUT: Final = 408
_NOT_PROCESSED: Final = frozenset({425, 429})
_UNSUPPORTED: Final = frozenset({501, 505})

# RFC 6749 section 5.2: the statuses by which a token endpoint refuses the credentials.
_CREDENTIALS_REFUSED: Final = frozenset({400, 401, 403})


class CheckoutError(Exception):
    """Root of the tree: catch it to catch every error that this package raises."""

    # In __dict__ where an error differs from its class, so that pickling keeps them.
    may_have_been_done: bool = False
    """Whether the operation may have been carried out in spite of the error.

    False proves that it was not, or that the operation only reads. If True, look up the result before you call again,
    or call again with the same `idempotency_key`.
    """
    is_transient: bool = False
    """Whether the same call can succeed later without a change. Look at `may_have_been_done` first."""

    # A slot, not an entry of __dict__: the key is not pickled, and a traceback that shows attributes does not show it.
    __slots__ = ("_idempotency_key",)
    _idempotency_key: Secret | None

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key the call was sent with, or None. With it the call can be repeated safely.

        The key is neither pickled nor copied.
        """
        key: Secret | None = getattr(self, "_idempotency_key", None)
        return None if key is None else str(key)


class ConfigurationError(CheckoutError):
    """A setting cannot work as given. The text says what to change."""


class MissingExtra(CheckoutError):
    """An optional package is not installed. The text has the command that installs it."""


class IncompatibleVersion(CheckoutError):
    """An installed package is of a version that this package cannot rely on. Nothing was sent.

    The text names the package, its version and the versions that were tested.
    """


class ClientClosed(CheckoutError):
    """The client is closed. Nothing was sent: make a new client."""


class WrongLoop(CheckoutError):
    """The client was first used in another event loop. Nothing was sent: make one client for each loop."""


class WrongProcess(CheckoutError):
    """The object was made or first used before the process forked, and belongs to the other process.

    Nothing was sent or written: make one in each process.
    """


class InvalidRequest(CheckoutError):
    """The request does not match the specification. Nothing was sent.

    `path` is the JSON path of the offending member (`$.source.number`) and `reason` says what is wrong with it; neither
    contains the value. `operation` is the operation's name.
    """

    def __init__(self, message: str, /, *, operation: str = "", path: str = "$", reason: str = "") -> None:
        super().__init__(message)
        self.operation = operation
        self.path = path
        self.reason = reason


class MalformedMessage(CheckoutError):
    """A message of the 3DS flow or a webhook cannot be understood, does not belong here, or cannot be built.

    A message that passes through a browser may be forged: answer it with 400 and continue. `message` is its name
    (`cres`) and `reason` says what is wrong with it; neither contains a value from it.
    """

    def __init__(self, message: str, reason: str = "", /) -> None:
        super().__init__(f"{message}: {reason}" if reason else message)
        self.message = message
        self.reason = reason


class AuthenticationFailed(CheckoutError):
    """The client could not get an access token: the token endpoint refused the credentials or gave no usable answer.

    `error` is the OAuth error code, `description` the text that came with it (RFC 6749 section 5.2) and `status` the
    HTTP status; each is None if the reply had none. `body` is the body of the reply, with the client secret masked if
    the server echoed it. If no reply came at all, `__cause__` is the TransportError.
    """

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
        self.body: bytes = SecretBytes(body)
        self.is_transient = error is None and status not in _CREDENTIALS_REFUSED


class TokenStoreError(CheckoutError):
    """A token store cannot be used. The text says why. The calls of a client never raise this error."""


class BatchFileError(CheckoutError):
    """A file of a batch (its input, results, journal, report or plan) cannot be used. The text says why.

    It is raised before the first record is sent.
    """


class JournalInUse(BatchFileError):
    """Another process has the journal of the batch open. Only one process at a time may open it."""

    is_transient = True


class JournalError(CheckoutError):
    """The journal of a batch failed after it was opened. The text says why.

    No further writes are accepted: stop sending. Everything the journal confirmed before is in the file.
    """


class RunIncomplete(CheckoutError):
    """A batch on several machines ended before all its partitions were finished and gathered.

    The text says why. Resume the run to continue.
    """

    is_transient = True


class TransportError(CheckoutError):
    """No reply was received. `operation` is the operation's name and `attempts` the number of attempts made."""

    def __init__(self, message: str, /, *, operation: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts


class ConnectFailed(TransportError):
    """No connection was made, so nothing was sent. Repeating the call is safe."""

    is_transient = True


class OutcomeUnknown(TransportError):
    """The request may have arrived and may have been carried out. The text says what to do about it.

    `may_have_been_done` is False only if the operation only reads.
    """

    may_have_been_done = True
    is_transient = True


class InvalidSignature(CheckoutError):
    """Checkout.com did not sign this webhook, or not with this key, or the body was changed on the way."""


class UnexpectedResponse(CheckoutError):
    """The reply is not what the specification promises. Nothing of it is lost.

    `status`, `headers`, `request_id` and the raw `body` are as received. `reason` says what could not be understood.
    A success status means that the API carried the operation out.
    """

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
        self.headers: Mapping[str, str] = Headers(headers or {})
        self.request_id = request_id
        self.body: bytes = SecretBytes(body)
        self.reason = reason
        self.may_have_been_done = 200 <= status < 300


class ReplyMismatch(UnexpectedResponse):
    """The reply belongs to another request: it contradicts what was sent. Only calls with your own idempotency key.

    The key was most probably used for another request within 24 hours: the API then answers with the first reply and
    does nothing. `value` is the decoded reply, and `reason` names the member that differs. A pickled or copied error
    has no `value`; its `body` has the bytes.
    """

    # Not in __dict__, so that a traceback that shows attributes does not show it.
    __slots__ = ("_value",)
    _value: object

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


class ApiError(CheckoutError):
    """The API answered with an error status.

    `error_type` and `error_codes` come from the error body, scrubbed; they are None and empty if it has none.
    `request_id` is what Checkout.com's support asks for. `body` is the raw bytes. `retry_after` is the wait in seconds
    that the reply asked for, or None.
    """

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
        self.headers: Mapping[str, str] = Headers(headers or {})
        self.request_id = request_id
        self.error_type = error_type
        self.error_codes = tuple(error_codes)
        self.retry_after = retry_after
        self.body: bytes = SecretBytes(body)
        self.may_have_been_done = status == _REQUEST_TIMEOUT or (status >= 500 and status not in _UNSUPPORTED)
        self.is_transient = self.may_have_been_done or status in _NOT_PROCESSED


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
