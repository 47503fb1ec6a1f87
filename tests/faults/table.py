"""How a call ends that meets a fault: one row for each fault, one cell for each class of operations.

A cell is the end of the call, `ok` or the error's class, and how many requests the server received. `once`: the fault
happens to the first request; `always`: to every request. The cells are in the order of CLASSES.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace

from checkout_async.sandbox import CannedResponse, Fault, Interruption, RewrittenBody
from tests.faults import certificates

CLASSES = ("safe", "natural", "key", "none")
Cells = tuple[str, str, str, str]
Classes = frozenset[str]

ALL: Classes = frozenset(CLASSES)
NOT_SAFE: Classes = ALL - {"safe"}
KEY_ONLY: Classes = frozenset({"key"})
NO_CLASS: Classes = frozenset()


@dataclass(frozen=True)
class Impostor:
    """The server presents another certificate than its own."""

    context: ssl.SSLContext


@dataclass(frozen=True)
class Row:
    """A fault (None: connections are refused) and how calls end. `done`: the server carries the request out.

    `doubtful` and `transient` are the classes whose error says that the operation may have been carried out, and that
    the same call can succeed later.
    """

    name: str
    fault: CannedResponse | Interruption | RewrittenBody | Impostor | None
    once: Cells | None
    always: Cells | None
    done: bool = False
    doubtful: Classes = NO_CLASS
    transient: Classes = ALL


def cells(safe: str, natural: str, key: str, none: str) -> Cells:
    return safe, natural, key, none


def everywhere(cell: str) -> Cells:
    return cell, cell, cell, cell


def ambiguous(name: str, fault: CannedResponse | Interruption, error: str, *, done: bool = False) -> Row:
    """The request may have been carried out: retried by all but `none`."""
    once = cells("ok 2", "ok 2", "ok 2", f"{error} 1")
    always = cells(f"{error} 3", f"{error} 3", f"{error} 3", f"{error} 1")
    return Row(name, fault, once, always, done, NOT_SAFE)


def refused(name: str, fault: CannedResponse, error: str) -> Row:
    """The reply proves that nothing was done: retried by all."""
    return Row(name, fault, everywhere("ok 2"), everywhere(f"{error} 3"))


def final(name: str, fault: CannedResponse | RewrittenBody, error: str, *, done: bool = False) -> Row:
    """No class is retried, now or later."""
    doubtful = NOT_SAFE if done else NO_CLASS
    return Row(name, fault, everywhere(f"{error} 1"), everywhere(f"{error} 1"), done, doubtful, NO_CLASS)


def cut(fault: Fault, *, done: bool) -> Row:
    assert isinstance(fault.value, Interruption)
    return ambiguous(fault.name, fault.value, "OutcomeUnknown", done=done)


def garbled(fault: Fault) -> Row:
    assert isinstance(fault.value, RewrittenBody)
    return final(fault.name, fault.value, "UnexpectedResponse", done=True)


def too_long_a_wait(status: int, error: str, doubtful: Classes, transient: Classes = ALL) -> list[Row]:
    """A `Retry-After` beyond RetryPolicy.max_retry_after ends the call; for a key in use, one beyond the deadline."""
    rows = (
        final(f"{status} Retry-After: 60", CannedResponse(status, retry_after=60), error),
        final(f"{status} Retry-After: date", CannedResponse(status, retry_after=60, dated=True), error),
    )
    return [replace(row, doubtful=doubtful, transient=transient) for row in rows]


def impostor(name: str, context: ssl.SSLContext) -> Row:
    """The server cannot prove that it is the API: nothing is sent to it."""
    return Row(name, Impostor(context), None, everywhere("ConnectFailed 0"))


def no_wait(status: int) -> CannedResponse:
    return CannedResponse(status, retry_after=0)


def conflict(name: str, fault: CannedResponse) -> Row:
    """With an idempotency key, another request is in progress and may be carried out yet; without, it is an answer."""
    once = cells("Conflict 1", "Conflict 1", "ok 2", "Conflict 1")
    return Row(name, fault, once, everywhere("Conflict 1"), doubtful=KEY_ONLY, transient=KEY_ONLY)


ERROR_BODY = b'{"request_id":"another","error_type":"processing_error","error_codes":["gateway_error"]}'
HTML = b"<html><h1>502 Bad Gateway</h1></html>"

ROWS = (
    Row("refused", None, None, everywhere("ConnectFailed 0")),
    impostor("untrusted certificate", certificates.untrusted()),
    impostor("certificate of another host", certificates.of_another_host()),
    impostor("expired certificate", certificates.expired()),
    cut(Fault.RESET, done=False),
    cut(Fault.LOST_REPLY, done=True),
    cut(Fault.RESET_AFTER_HEADERS, done=True),
    cut(Fault.RESET_IN_BODY, done=True),
    cut(Fault.CLOSED, done=False),
    cut(Fault.CLOSED_IN_BODY, done=True),
    cut(Fault.STALLED, done=False),
    cut(Fault.STALLED_REPLY, done=True),
    cut(Fault.STALLED_AFTER_HEADERS, done=True),
    cut(Fault.STALLED_IN_BODY, done=True),
    ambiguous("408", CannedResponse(408), "ApiError"),
    ambiguous("408 Retry-After: 0", no_wait(408), "ApiError"),
    *too_long_a_wait(408, "ApiError", NOT_SAFE),
    # 409 means that the first request is still in progress only if there is an idempotency key.
    conflict("409", CannedResponse(409)),
    conflict("409 Retry-After: 0", no_wait(409)),
    *too_long_a_wait(409, "Conflict", KEY_ONLY, KEY_ONLY),
    refused("425", CannedResponse(425), "ApiError"),
    refused("425 Retry-After: 0", no_wait(425), "ApiError"),
    *too_long_a_wait(425, "ApiError", NO_CLASS),
    refused("429", CannedResponse(429), "RateLimited"),
    refused("429 Retry-After: 0", no_wait(429), "RateLimited"),
    *too_long_a_wait(429, "RateLimited", NO_CLASS),
    ambiguous("500", CannedResponse(500, ERROR_BODY), "ServerError"),
    ambiguous("502 HTML", CannedResponse(502, HTML, "text/html"), "ServerError"),
    ambiguous("503", CannedResponse(503), "ServerError"),
    *too_long_a_wait(503, "ServerError", NOT_SAFE),
    ambiguous("504", CannedResponse(504), "ServerError"),
    # A status of content delivery networks: the origin did not answer in time.
    ambiguous("524", CannedResponse(524), "ServerError"),
    final("REDIRECT", CannedResponse(307, location="https://elsewhere.invalid/"), "UnexpectedResponse"),
    garbled(Fault.TRUNCATED),
    garbled(Fault.TOO_LARGE),
    garbled(Fault.GZIP_BOMB),
    garbled(Fault.DEFLATE_BOMB),
    garbled(Fault.DAMAGED_GZIP),
    garbled(Fault.NOT_JSON),
    garbled(Fault.NOT_UTF8),
    garbled(Fault.WRONG_TYPE),
    garbled(Fault.WRONG_ID),
    garbled(Fault.EMPTY),
    Row("OVERSIZED", Fault.OVERSIZED.value, everywhere("ok 1"), everywhere("ok 1"), done=True),
)
