"""Refusals: the API's error replies, as one exception and a factory for each documented case.

`error_type` and `error_codes` are those of the API reference. If it names no code for a case, docs/sandbox.md says
which one the sandbox chose.
"""

from __future__ import annotations

from collections.abc import Iterable

from checkout_async.sandbox.core.payload import JsonObject


class ApiRefusal(Exception):
    """An error reply. Without `error_type` its body is empty, as for 401, 502 and an unknown payment."""

    def __init__(self, status: int, error_type: str | None = None, error_codes: Iterable[str] = ()) -> None:
        self.status = status
        self.error_type = error_type
        self.error_codes: tuple[str, ...] = tuple(error_codes)
        super().__init__(f"{status} {error_type or 'without a body'} {', '.join(self.error_codes)}".rstrip())

    def body(self, request_id: str) -> JsonObject | None:
        """Write the error body, which repeats the request identifier of the headers."""
        if self.error_type is None:
            return None
        return {"request_id": request_id, "error_type": self.error_type, "error_codes": list(self.error_codes)}


def unauthorized() -> ApiRefusal:
    """Refuse a credential that is missing, unknown, expired, or of a kind that the operation does not accept."""
    return ApiRefusal(401)


def scope_refused() -> ApiRefusal:
    """Refuse a token whose scopes do not cover the operation or the channel."""
    return ApiRefusal(403, "operation_not_allowed", ["operation_not_allowed_for_scope"])


def not_allowed(code: str = "update_not_allowed_due_to_state") -> ApiRefusal:
    """Refuse what a business rule or the session's state forbids."""
    return ApiRefusal(403, "operation_not_allowed", [code])


def not_found(resource: str) -> ApiRefusal:
    """Report that there is no such resource at the identifier or path."""
    return ApiRefusal(404, "not_found", [f"{resource}_not_found"])


def payment_not_found() -> ApiRefusal:
    """Report that a payment does not exist; the reply has no body, as observed from the API."""
    return ApiRefusal(404)


def card_expired() -> ApiRefusal:
    """Refuse a card after its expiry; `error_type` is the one observed from the API."""
    return ApiRefusal(422, "processing_error", ["card_expired"])


def reference_missing() -> ApiRefusal:
    """Refuse a payment whose method needs a reference; `error_type` is the one observed from the API."""
    return ApiRefusal(422, "invalid_request", ["reference_invalid"])


def session_in_use() -> ApiRefusal:
    """Refuse a request while another one on the same session has not finished."""
    return ApiRefusal(409, "duplicate_requests_detected", ["session_already_in_use"])


def invalid(*codes: str, api: str = "Sessions") -> ApiRefusal:
    """Refuse the data of a request, with one code for each problem; `error_type` differs between the APIs."""
    return ApiRefusal(422, "request_invalid" if api == "Payments" else "unprocessable_entity", codes)


def payment_invalid(*codes: str) -> ApiRefusal:
    """Refuse the data of a payment operation; nothing was done."""
    return invalid(*codes, api="Payments")


def bad_search(code: str) -> ApiRefusal:
    """Refuse a search that cannot be carried out."""
    return ApiRefusal(400, "bad_request", [code])


def key_in_use() -> ApiRefusal:
    """Refuse a request while another one with its idempotency key is being processed; its reply has no body."""
    return ApiRefusal(409)


def too_many_requests() -> ApiRefusal:
    """Refuse a request because of its rate; its reply has no body."""
    return ApiRefusal(429)


def callback_failed() -> ApiRefusal:
    """Report that the merchant did not answer the completion callback with 2XX."""
    return ApiRefusal(500, "callback_failed", ["session_callback_failed"])


def internal_error() -> ApiRefusal:
    """Report that the sandbox itself failed."""
    return ApiRefusal(500, "internal_server_error", ["unknown_error"])


def bad_gateway() -> ApiRefusal:
    """Report that a gateway in front of the API failed; its reply has no body."""
    return ApiRefusal(502)
