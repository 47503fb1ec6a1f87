"""Every error the package raises.

CheckoutError
├── ConfigurationError        the client was set up wrongly; nothing was sent
│   └── JournalInUse          another process has a batch's journal open
├── InvalidRequest            the request breaks the specification; nothing was sent
├── AuthenticationFailed      the token endpoint refused the credentials, or could not be used
├── TokenStoreError           a store of access tokens failed; a client logs it and goes on without
├── JournalError              a batch's journal cannot be written any more: the run has to stop
├── RunIncomplete             a batch on many machines ended early; resuming goes on with it
├── TransportError            no reply was received
│   ├── ConnectFailed         no connection was made: nothing was sent
│   └── OutcomeUnknown        the request may have arrived and may have been carried out
├── InvalidSignature          a webhook that Checkout.com did not sign, or not with this key
├── MalformedMessage          a message of the cardholder's browser, or a webhook, that cannot be understood
├── UnexpectedResponse        a reply that cannot be understood; status and raw body are kept
└── ApiError                  the API answered with an error status (408: it may have been carried out)
    ├── Unauthorized          401
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409
    ├── UnprocessableEntity   422
    ├── RateLimited           429
    └── ServerError           500 and above

The text of an error never holds a value from the request, and free text of the server is scrubbed of what looks like
a card number, a key or a token. Every attribute always exists. Errors can be pickled and copied: the reply goes with
them as it came, body and headers, whatever it holds, since nothing of it may be lost; nothing of the request does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checkout_async.redaction import Headers, Secret, SecretBytes

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "CheckoutError",
    "ConfigurationError",
    "Conflict",
    "ConnectFailed",
    "Forbidden",
    "InvalidRequest",
    "InvalidSignature",
    "JournalError",
    "JournalInUse",
    "MalformedMessage",
    "NotFound",
    "OutcomeUnknown",
    "RateLimited",
    "RunIncomplete",
    "ServerError",
    "TokenStoreError",
    "TransportError",
    "Unauthorized",
    "UnexpectedResponse",
    "UnprocessableEntity",
]


class CheckoutError(Exception):
    """Root of the tree: catch it to catch whatever this package raises."""

    # Beside __dict__, so that the key is in no pickle, and a traceback that shows attributes does not show it.
    __slots__ = ("_idempotency_key",)
    _idempotency_key: Secret | None

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key the call was sent with, to repeat it safely; None where it had none.

        It is neither pickled nor copied.
        """
        key: Secret | None = getattr(self, "_idempotency_key", None)
        return None if key is None else str(key)


class ConfigurationError(CheckoutError):
    """The client, its credentials or its settings cannot work as given; the text says what to change."""


class JournalInUse(ConfigurationError):
    """Another process has the journal of a batch open, and only one at a time may."""


class InvalidRequest(CheckoutError):
    """The request does not fit the specification. Nothing was sent.

    `path` is the JSON path of the offending member (`$.source.number`) and `reason` what is wrong with it; neither
    holds the value. `operation` is the operation's name.
    """

    def __init__(self, message: str, /, *, operation: str = "", path: str = "$", reason: str = "") -> None:
        super().__init__(message)
        self.operation = operation
        self.path = path
        self.reason = reason


class MalformedMessage(CheckoutError):
    """A message of the 3DS flow or a webhook cannot be understood, does not belong here, or cannot be built.

    What passes through a browser may be forged: answer it with 400 and go on. `message` is its name (`cres`) and
    `reason` what is wrong with it; neither holds a value of it.
    """

    def __init__(self, message: str, reason: str = "", /) -> None:
        super().__init__(f"{message}: {reason}" if reason else message)
        self.message = message
        self.reason = reason


class AuthenticationFailed(CheckoutError):
    """No access token could be had: the token endpoint refused the credentials, or gave no usable answer.

    `error` is the OAuth error code and `description` the text beside it (RFC 6749 section 5.2), `status` the HTTP
    status, each None where there was none. `body` is the reply's, with the client secret masked where the server
    echoed it. Where no reply came at all, `__cause__` is the TransportError.
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


class TokenStoreError(CheckoutError):
    """A store of access tokens cannot be used; the text says why. Calls of a client never raise it."""


class JournalError(CheckoutError):
    """A batch's journal failed after it was opened; the text says why. It takes nothing more in: stop sending.

    What it confirmed before is in the file.
    """


class RunIncomplete(CheckoutError):
    """A batch on many machines ended before its partitions were finished and gathered; the text says why. Resume it."""


class TransportError(CheckoutError):
    """No reply was received. `operation` is the operation's name, `attempts` how often it was tried."""

    def __init__(self, message: str, /, *, operation: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts


class ConnectFailed(TransportError):
    """No connection was made, so nothing was sent: repeating the call is safe."""


class OutcomeUnknown(TransportError):
    """The request may have arrived and may have been carried out; the text says how to find out."""


class InvalidSignature(CheckoutError):
    """A webhook that Checkout.com did not sign, or not with this key, or whose body was changed on the way."""


class UnexpectedResponse(CheckoutError):
    """A reply came that is not what the specification promises; nothing of it is lost.

    `status`, `headers`, `request_id` and the raw `body` are as received; `reason` says what could not be understood.
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


class ApiError(CheckoutError):
    """The API answered with an error status.

    `error_type` and `error_codes` come from the error body (None and empty where it has none), scrubbed; `request_id`
    is what Checkout.com's support asks for, `body` the raw bytes. `retry_after` is the wait in seconds that the reply
    asked for, or None.
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


class Unauthorized(ApiError):
    """401: the credential is missing, expired or not accepted here."""


class Forbidden(ApiError):
    """403: a scope is missing, or a business rule or the resource's state forbids the operation."""


class NotFound(ApiError):
    """404: there is no such resource for this credential."""


class Conflict(ApiError):
    """409: the resource is in use by another request, or exists already."""


class UnprocessableEntity(ApiError):
    """422: the API found the request invalid; `error_codes` name the members."""


class RateLimited(ApiError):
    """429: too many requests. Nothing was done; `retry_after` is the wait in seconds the API asks for, or None."""


class ServerError(ApiError):
    """500 and above: the API or something before it failed; the operation may have been carried out."""
