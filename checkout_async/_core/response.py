"""Turn an HTTP response into a result or an error.

`parse_response` returns an ApiResponse or raises ApiError or UnexpectedResponse. No combination of status, headers and
body raises anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import msgspec

from checkout_async._core.codec import DecodeError, decode
from checkout_async._core.correlation import identifiers_of
from checkout_async._core.model import ResponseModel
from checkout_async._core.wire import ApiResponse, HttpResponse, Operation
from checkout_async._generated.facts import ERROR_CODES, ERROR_REQUEST_ID, ERROR_TYPE
from checkout_async.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedResponse,
    UnprocessableEntity,
)
from checkout_async.redaction import sanitize, scrub

__all__ = ["error_class", "http_date", "parse_response", "parse_success", "retry_after"]

T = TypeVar("T")

_ERROR_CLASSES = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: UnprocessableEntity,
    429: RateLimited,
}


# Where an error code is, if the API sends an object in its place.
_CODE_NAMES = ("code", "error_code", "error", "type")


class _ErrorBody(ResponseModel, frozen=True, kw_only=True):
    """The members of an error body that ApiError carries. They are the same for every operation and status."""

    request_id: str | None = msgspec.field(name=ERROR_REQUEST_ID, default=None)
    error_type: str | None = msgspec.field(name=ERROR_TYPE, default=None)
    error_codes: list[str | dict[str, Any]] | None = msgspec.field(name=ERROR_CODES, default=None)


def _as_it_came(text: str) -> str:
    return text


def parse_response(
    operation: Operation[T], response: HttpResponse, now: datetime, conceal: Callable[[str], str] = _as_it_came
) -> ApiResponse[T]:
    """Return the decoded reply. Raises ApiError for an error status, UnexpectedResponse if the reply is not understood.

    `now` is the time that a `Retry-After` date is compared with if the reply has no `Date`. `conceal` masks in the
    server's texts what was sent.
    """
    if response.status >= 400:
        raise _api_error(operation.name, response, now, conceal)
    return parse_success(operation, response)


def parse_success(operation: Operation[T], response: HttpResponse) -> ApiResponse[T]:
    """Return the decoded reply of a status below 400. Raises UnexpectedResponse if it cannot be decoded."""
    decoded = _decode_response(operation, response)
    if isinstance(decoded, str):
        raise _unexpected_response(operation.name, response, decoded)
    value, ignored = decoded
    return ApiResponse(
        value=value,
        status=response.status,
        headers=response.headers,
        request_id=response.request_id,
        body=response.body,
        ignored=ignored,
    )


def _decode_response(operation: Operation[T], response: HttpResponse) -> tuple[T, tuple[str, ...]] | str:
    """Return the value of a reply and the paths of its ignored members, or the reason why it cannot be decoded."""
    try:
        type_ = _response_type(operation, response.status)
        if type_ is None:
            return cast("T", None), ()
        value, ignored = decode(type_, _complete_body(response))
        _require_identifier(value)
    except DecodeError as error:
        return str(error)
    return value, ignored


def _require_identifier(value: object) -> None:
    """Raise DecodeError if a reply does not say what it is about: nothing could be done with it."""
    if isinstance(value, ResponseModel):
        for name in identifiers_of(type(value)):
            if getattr(value, name) == "":
                raise DecodeError(f"its {name} is empty")


def _complete_body(response: HttpResponse) -> bytes:
    if response.truncated:
        raise DecodeError(f"it is larger than Limits.response_size; its first {len(response.body)} bytes are kept")
    return response.body


def _response_type(operation: Operation[Any], status: int) -> Any:
    if status in operation.responses:
        return operation.responses[status]
    types = {*operation.responses.values()} - {None} or {None}
    if 200 <= status < 300 and len(types) == 1:
        return types.pop()
    raise DecodeError("the specification does not list this status")


def _unexpected_response(operation: str, response: HttpResponse, reason: str) -> UnexpectedResponse:
    request_id = response.request_id
    suffix = f" (request id {sanitize(request_id)})" if request_id else ""
    return UnexpectedResponse(
        f"{operation}: cannot understand the reply with status {response.status}: {reason}{suffix}",
        operation=operation,
        status=response.status,
        headers=response.headers,
        request_id=request_id,
        body=response.body,
        reason=reason,
    )


def _api_error(operation: str, response: HttpResponse, now: datetime, conceal: Callable[[str], str]) -> ApiError:
    try:
        body, _ = decode(_ErrorBody, response.body)
    except DecodeError:
        body = _ErrorBody()
    request_id = response.request_id or body.request_id
    error_type = None if body.error_type is None else scrub(conceal(body.error_type))
    error_codes = tuple(scrub(conceal(code)) for code in map(_error_code, body.error_codes or ()) if code)
    return error_class(response.status)(
        _error_text(operation, response.status, error_type, error_codes, request_id),
        operation=operation,
        status=response.status,
        headers=response.headers,
        request_id=request_id,
        error_type=error_type,
        error_codes=error_codes,
        retry_after=retry_after(response.headers.get("retry-after"), _sent_at(response) or now),
        body=response.body,
    )


def _error_code(item: str | dict[str, Any]) -> str:
    """Return an error code, which may be a text or be contained in an object; empty if the object has none."""
    if isinstance(item, str):
        return item
    return next((code for name in _CODE_NAMES if isinstance(code := item.get(name), str)), "")


def error_class(status: int) -> type[ApiError]:
    """Return the most specific error class for an HTTP error status."""
    return ServerError if 500 <= status < 600 else _ERROR_CLASSES.get(status, ApiError)


def _error_text(
    operation: str, status: int, error_type: str | None, error_codes: Sequence[str], request_id: str | None
) -> str:
    """Return the text of an error: operation, status, error type, error codes and request id."""
    codes = ", ".join(code for code in error_codes if code)
    what = codes or error_type or "no error body"
    kind = f" {sanitize(error_type)}:" if error_type and codes else ":"
    suffix = f" (request id {sanitize(request_id)})" if request_id else ""
    return f"{operation}: {status}{kind} {sanitize(what)}{suffix}"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the wait in seconds that a `Retry-After` header asks for, or None if it cannot be read.

    The header is a number of seconds or an HTTP date (RFC 9110 section 10.2.3).
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    date = http_date(text)
    return None if date is None else max(0.0, (date - now).total_seconds())


def _sent_at(response: HttpResponse) -> datetime | None:
    """Return when the server sent the reply, by the clock that its `Retry-After` date is of too, if it says so."""
    return http_date(response.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    """Return the time in a header such as `Date`, or None (RFC 9110 section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
        # A date without a zone is UTC.
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
