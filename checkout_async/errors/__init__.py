"""Every error the package raises.

CheckoutError
├── ConfigurationError        A setting is wrong. Nothing was sent.
├── MissingExtra              A package is not installed that this needs. The text says what to install.
├── IncompatibleVersion       An installed package behaves in a way that this package cannot rely on. Nothing was sent.
├── ClientClosed              The client is closed. Nothing was done.
├── WrongLoop                 The client belongs to another event loop. Nothing was sent.
├── WrongProcess              The client, store or journal belongs to another process. Nothing was sent.
├── InvalidRequest            The request breaks the specification. Nothing was sent.
├── AuthenticationFailed      The token endpoint refused the credentials. Nothing was done.
├── TokenStoreError           A token store failed. A client logs this error and continues without the store.
├── BatchFileError            A file of a batch (input, results, journal, report) cannot be used.
│   ├── DiskFull              There is no room for a file of a batch. Nothing was sent.
│   └── JournalInUse          Another process has the journal of the batch open.
├── JournalError              The journal of a batch can no longer be written. The run must stop.
├── RunIncomplete             A batch on several machines ended early. Resume it to continue.
├── TransportError            No reply was received.
│   ├── ConnectFailed         There was no connection, or no access token. Nothing was done.
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
`vars(error)` has neither headers nor body.
"""

from __future__ import annotations

from checkout_async.errors.base import CheckoutError, idempotency_key
from checkout_async.errors.calls import (
    ApiError,
    AuthenticationFailed,
    Conflict,
    ConnectFailed,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ReplyMismatch,
    ServerError,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
    UnprocessableEntity,
)
from checkout_async.errors.local import (
    BatchFileError,
    ClientClosed,
    ConfigurationError,
    DiskFull,
    IncompatibleVersion,
    InvalidSignature,
    JournalError,
    JournalInUse,
    MalformedMessage,
    MissingExtra,
    RunIncomplete,
    TokenStoreError,
    WrongLoop,
    WrongProcess,
)

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "BatchFileError",
    "CheckoutError",
    "ClientClosed",
    "ConfigurationError",
    "Conflict",
    "ConnectFailed",
    "DiskFull",
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
    "idempotency_key",
]

# The modules of this folder are no part of the name of a class: in tracebacks, logs and pickles it is the public one.
for _name in __all__:
    globals()[_name].__module__ = __name__
