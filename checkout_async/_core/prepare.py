"""From a call to an HTTP request: path and query quoted, headers checked, body validated and encoded.

Everything that is wrong with a call is found here, before a connection exists: InvalidRequest means nothing was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from checkout_async._core.codec import encode_body, encode_form
from checkout_async._core.wire import ApiRequest, BodyFormat, HttpRequest, Parameter, quote_segment
from checkout_async.errors import InvalidRequest

__all__ = ["checked_header_value", "prepare"]

# RFC 9110 section 5.5: visible characters and inner spaces; anything else could start another header.
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Set by this package for every request; a caller who could change them could send a card to the wrong place.
_RESERVED = frozenset(
    {"accept", "authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


def prepare(
    request: ApiRequest[Any], locate: Callable[[str], str], user_agent: str, *, validate: bool = True
) -> HttpRequest:
    """Build the HTTP request of a call, all but its credential. `locate` turns path and query into a URL.

    With `validate` off, neither the body nor parameters are compared with the specification; what could change the
    meaning of the request (path segments, header values) is still refused. Raises InvalidRequest.
    """
    operation = request.operation
    name = operation.name
    if validate:
        _check_patterns(name, (*request.path, *request.query, *request.headers))
    headers = dict(_headers(name, request, user_agent))
    body = None
    if operation.request is not None:
        body = encode_body(name, request.body, operation.request, validate=validate)
        headers["Content-Type"] = operation.body_format.value
        if operation.body_format is BodyFormat.FORM:
            body = encode_form(body)
    return HttpRequest(method=operation.method, url=locate(_target(request)), headers=headers, body=body)


def _target(request: ApiRequest[Any]) -> str:
    path = request.operation.path
    for parameter in request.path:
        segment = quote_segment(request.operation.name, parameter.name, parameter.value)
        path = path.replace(f"{{{parameter.name}}}", segment)
    query = urlencode([(parameter.name, parameter.value) for parameter in request.query])
    return f"{path}?{query}" if query else path


def _check_patterns(operation: str, parameters: tuple[Parameter, ...]) -> None:
    for parameter in parameters:
        if parameter.pattern is not None and not re.search(parameter.pattern, parameter.value):
            reason = f"must match {parameter.pattern}"
            raise InvalidRequest(
                f"{operation}: {parameter.name} {reason}",
                operation=operation,
                path=parameter.name,
                reason=reason,
            )


def _headers(operation: str, request: ApiRequest[Any], user_agent: str) -> Iterator[tuple[str, str]]:
    yield "Accept", "application/json"
    yield "User-Agent", user_agent
    for parameter in request.headers:
        yield parameter.name, checked_header_value(operation, parameter.name, parameter.value)
    own: Mapping[str, str] = request.options.headers or {}
    for name, value in own.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED:
            reason = "is not a header name, or one that the client sets itself"
            raise InvalidRequest(
                f"{operation}: header {name!r} {reason}", operation=operation, path=name, reason=reason
            )
        yield name, checked_header_value(operation, name, value)


def checked_header_value(operation: str, name: str, value: str) -> str:
    """Return a header value that is printable ASCII without line breaks, or raise InvalidRequest without showing it."""
    if not _HEADER_VALUE.fullmatch(value):
        reason = "must be printable ASCII without line breaks or outer spaces"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    return value
