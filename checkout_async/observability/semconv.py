"""Names of OpenTelemetry attributes, and the attributes that spans and metrics have in common.

The attributes of HTTP follow the stable semantic conventions for HTTP clients (schema 1.40.0), and `url.template`,
which is not stable yet. Names that the conventions lack start with `checkout_async.`. `url.full` is left out on
purpose: a URL of this API contains identifiers of payments and sessions, and search terms.
"""

from __future__ import annotations

from checkout_async._core.events import CallInfo

__all__ = [
    "ATTEMPTS",
    "BUCKETS",
    "CALL_BUCKETS",
    "ERROR_TYPE",
    "IDEMPOTENCY",
    "IGNORED",
    "OPERATION",
    "REQUEST_ID",
    "RESEND_COUNT",
    "SCHEMA_URL",
    "SCOPE",
    "STATUS_CODE",
    "WAIT_REASON",
    "WAIT_SECONDS",
    "exchange_attributes",
]

SCOPE = "checkout_async"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.40.0"

ERROR_TYPE = "error.type"
RESEND_COUNT = "http.request.resend_count"
STATUS_CODE = "http.response.status_code"

OPERATION = "checkout_async.operation"
IDEMPOTENCY = "checkout_async.idempotency"
ATTEMPTS = "checkout_async.attempts"
IGNORED = "checkout_async.ignored"
REQUEST_ID = "checkout_async.request_id"
WAIT_REASON = "checkout_async.wait.reason"
WAIT_SECONDS = "checkout_async.wait.seconds"

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The boundaries that the conventions advise for `http.client.request.duration`, in seconds."""
CALL_BUCKETS = (*BUCKETS, 15.0, 30.0, 60.0)
"""With longer ones, since a call may wait and retry until its deadline."""


def exchange_attributes(call: CallInfo) -> dict[str, str | int]:
    """Return the attributes of an HTTP exchange that are known before it. They contain no identifiers."""
    return {
        "http.request.method": call.method,
        "server.address": call.server,
        "server.port": call.port,
        "url.template": call.path,
    }
