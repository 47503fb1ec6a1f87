"""Turn a call into an HTTP request: quote path and query, check headers, validate and encode the body.

Every mistake in a call is found here, before a connection is made. InvalidRequest means that nothing was sent.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, cast, get_args
from urllib.parse import quote

from checkout_async._core.body import encode_body, encode_form
from checkout_async._core.decision import check_key, new_key
from checkout_async._core.validation import SEND_ANYWAY, specified_pattern
from checkout_async._core.wire import (
    ApiRequest,
    BodyFormat,
    HttpRequest,
    Idempotency,
    ListParameter,
    Parameter,
    quote_part,
    quote_segment,
)
from checkout_async._generated.facts import KEY_HEADERS
from checkout_async._version import __version__
from checkout_async.config import Validation, require_type
from checkout_async.errors import ConfigurationError, InvalidRequest
from checkout_async.redaction import Headers, clears_frames

__all__ = ["check_header_value", "prepare", "user_agent"]

# RFC 9110 section 5.5: visible characters and inner spaces. Anything else could start another header.
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
# RFC 3986. A space would end the request target, and a fragment is never sent.
_LINK = re.compile(r"[!$-;=?-\[\]_a-z~]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 9110 section 10.1.5: products, each with an optional version.
_PRODUCT = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?"
_PRODUCTS = re.compile(rf"{_PRODUCT}(?: {_PRODUCT})*")

# This package sets these for every request. A caller who could change them could send a card to the wrong place.
_RESERVED = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)

# A key in an operation that honours none would promise a protection that the API does not give. The last name is that
# of the IETF's draft, which the API never reads.
_KEY_HEADERS = frozenset({*map(str.lower, KEY_HEADERS), "idempotency-key"})


@clears_frames
def prepare(
    request: ApiRequest[Any], locate: Callable[[str], str], user_agent: str, *, validate: Validation = "shape"
) -> HttpRequest:
    """Build the HTTP request of a call, without its credential. `locate` turns path and query into a URL.

    `validate` is the level at which body and parameters are checked, unless the call sets one itself. A path segment or
    header value that could change the meaning of the request is refused at every level. Raises InvalidRequest.
    """
    operation = request.operation
    name = operation.name
    parameters = (*request.path, *request.query, *request.headers)
    validate = _level(request, validate)
    if parameters:
        _require_texts(name, parameters)
        if validate != "off":
            _check_limits(name, parameters, validate)
    headers = _build_headers(request, user_agent)
    if request.link is not None:
        return HttpRequest(method="GET", url=_check_link(name, request.link, locate), headers=headers)
    body, content_type = _encode_request(request, validate)
    if body is not None:
        headers["Content-Type"] = content_type
    return HttpRequest(
        method=operation.method,
        url=locate(_request_target(request)),
        headers=headers,
        body=body,
        idempotency_key=headers.get(operation.idempotency_header or ""),
        is_idempotent=operation.idempotency is not Idempotency.NONE,
    )


def _encode_request(request: ApiRequest[Any], validate: Validation) -> tuple[bytes | None, str]:
    """Return the encoded body of a call and its media type, or None if it has none.

    An optional body may consist of `extra_body` alone.
    """
    operation, name, has_extra = request.operation, request.operation.name, request.options.extra_body is not None
    has_body = operation.request is not None or bool(operation.alternatives)
    if has_extra and (not has_body or operation.body_format is not BodyFormat.JSON):
        reason = "is for operations with a JSON body"
        raise InvalidRequest(f"{name}: extra_body {reason}", operation=name, path="extra_body", reason=reason)
    if not has_body or (request.body is None and not operation.body_required and not has_extra):
        return None, ""
    if operation.body_format is BodyFormat.MULTIPART:
        from checkout_async._core.multipart import encode_multipart  # noqa: PLC0415  # few applications upload files

        return encode_multipart(name, request.body, _request_type(request), validate)
    body = encode_body(
        name,
        {} if request.body is None and not operation.body_required else request.body,
        _request_type(request),
        validate=validate,
        extra=request.options.extra_body,
    )
    content_type = operation.body_format.value
    return (encode_form(name, body) if operation.body_format is BodyFormat.FORM else body), content_type


def _request_type(request: ApiRequest[Any]) -> Any:
    """Return the type to check a body against: the operation's type, or the alternative that matches the body."""
    operation, body = request.operation, request.body
    for alternative in operation.alternatives:
        if isinstance(body, alternative.type):
            return alternative.type
        if isinstance(body, Mapping) and all(member in body for member in alternative.members):
            return alternative.type
    return operation.alternatives[-1].type if operation.alternatives else operation.request


def _check_link(operation: str, link: str, locate: Callable[[str], str]) -> str:
    """Return the URL of a link to the API. Raises InvalidRequest for another host: the credential would go there."""
    base = locate("/")
    link = locate(link) if _require_text(operation, "link", link).startswith("/") else link
    if not link.startswith(base) or ".." in link or not _LINK.fullmatch(link):
        reason = "leads away from the API"
        message = f"{operation}: the link to the next page {reason}"
        raise InvalidRequest(message, operation=operation, reason=reason, argument="")
    return link


def _request_target(request: ApiRequest[Any]) -> str:
    path = request.operation.path
    for parameter in request.path:
        segment = quote_segment(request.operation.name, parameter.label, parameter.value)
        path = path.replace(f"{{{parameter.name}}}", segment)
    if not request.query:
        return path
    name = request.operation.name
    pairs = ((each.name, value) for each in request.query for value in _quoted_values(name, each))
    query = "&".join(f"{quote(key, safe='')}={value}" for key, value in pairs)
    return f"{path}?{query}"


def _quoted_values(operation: str, parameter: Parameter) -> Iterable[str]:
    """Return the quoted values of a query parameter: one, unless it is a list whose name is repeated."""
    if not isinstance(parameter, ListParameter):
        return (quote_part(operation, parameter.label, parameter.value),)
    values = [quote_part(operation, parameter.label, each) for each in _list_of(operation, parameter)]
    return (",".join(values),) if parameter.joined else values


def _list_of(operation: str, parameter: ListParameter) -> tuple[str, ...]:
    """Return the values of a list as texts. Raises InvalidRequest if it is none, or if it is empty."""
    name, texts, values = parameter.label, parameter.texts(), parameter.values
    is_odd = isinstance(values, tuple) and any(map(_is_not_finite, cast("tuple[object, ...]", values)))
    if texts and not is_odd:
        return texts
    reason = "must be a list of values, with one at least" if texts is None else "must have one value at least"
    reason = _NOT_FINITE if is_odd else reason
    raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)


def _require_texts(operation: str, parameters: tuple[Parameter, ...]) -> None:
    for parameter in parameters:
        _require_text(operation, parameter.label, parameter.value)


def _require_text(operation: str, name: str, value: object) -> str:
    """Return a value if it is text, else raise InvalidRequest. Callers without a type checker pass other types."""
    if isinstance(value, str):
        return value
    reason = _NOT_FINITE if _is_not_finite(value) else f"must be text, not {type(value).__name__}"
    raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)


_NOT_FINITE = "must be a finite number"


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _level(request: ApiRequest[Any], default: Validation) -> Validation:
    level, name = request.options.validate, request.operation.name
    if level is None:
        return default
    if level not in get_args(Validation):
        reason = f"must be one of {', '.join(get_args(Validation))}"
        raise InvalidRequest(f"{name}: validate {reason}", operation=name, path="validate", reason=reason)
    return level


def _check_limits(operation: str, parameters: tuple[Parameter, ...], level: Validation) -> None:
    for parameter in parameters:
        for limit, reason in _limit_violations(parameter, operation):
            if level == "strict" or limit in parameter.enforced:
                raise InvalidRequest(
                    f"{operation}: {parameter.label} {reason} ({SEND_ANYWAY})",
                    operation=operation,
                    path=parameter.label,
                    reason=reason,
                )


def _violations_of_list(parameter: ListParameter, count: int) -> Iterator[tuple[str, str]]:
    if parameter.min_items is not None and count < parameter.min_items:
        yield "min_items", f"must have {parameter.min_items} values or more"
    if parameter.max_items is not None and count > parameter.max_items:
        yield "max_items", f"must have {parameter.max_items} values or fewer"


def _limit_violations(parameter: Parameter, operation: str) -> Iterator[tuple[str, str]]:
    if isinstance(parameter, ListParameter):
        texts = _list_of(operation, parameter)
        yield from _violations_of_list(parameter, len(texts))
        for text in texts:
            yield from _violations_of_value(parameter, text)
    else:
        yield from _violations_of_value(parameter, parameter.value)


def _violations_of_value(parameter: Parameter, value: str) -> Iterator[tuple[str, str]]:
    if parameter.pattern is not None and not _compiled(parameter.pattern).search(value):
        yield "pattern", f"must match {specified_pattern(parameter.pattern)}"
    if parameter.min_length is not None and len(value) < parameter.min_length:
        yield "min_length", f"must have {parameter.min_length} characters or more"
    if parameter.max_length is not None and len(value) > parameter.max_length:
        yield "max_length", f"must have {parameter.max_length} characters or fewer"
    if parameter.minimum is not None and not _parse_number(value) >= parameter.minimum:
        yield "minimum", f"must be {parameter.minimum:g} or more"
    if parameter.maximum is not None and not _parse_number(value) <= parameter.maximum:
        yield "maximum", f"must be {parameter.maximum:g} or less"


_compiled = cache(re.compile)  # the search for a compiled pattern in `re` takes longer than the one in the value


def _parse_number(text: str) -> float:
    """Return the text as a number, or NaN, which is within no limits."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _build_headers(request: ApiRequest[Any], user_agent: str) -> Headers:
    operation, key_header = request.operation.name, request.operation.idempotency_header
    headers = Headers()
    headers["Accept"], headers["User-Agent"] = "application/json", user_agent
    if key_header is not None:
        own = request.options.idempotency_key
        key = new_key() if own is None else check_key(operation, _require_text(operation, "idempotency_key", own))
        headers[key_header] = key
    for parameter in request.headers:
        headers[parameter.name] = check_header_value(operation, parameter.label, parameter.value)
    if request.options.headers is not None:
        _add_caller_headers(request, headers)
    return headers


def _add_caller_headers(request: ApiRequest[Any], headers: Headers) -> None:
    operation, key_header = request.operation.name, request.operation.idempotency_header
    taken = _RESERVED | {(key_header or "host").lower(), *(each.name.lower() for each in request.headers)}
    for name, value in _caller_headers(request):
        if not _HEADER_NAME.fullmatch(_require_text(operation, "a header name", name)) or name.lower() in taken:
            reason = "is not a valid header name, is already set, or is one that the client sets itself"
            message = f"{operation}: header {name!r} {reason}"
            raise InvalidRequest(message, operation=operation, path=name, reason=reason, argument="headers")
        if name.lower() in _KEY_HEADERS:
            reason = _key_header_refusal(key_header)
            message = f"{operation}: header {name} {reason}"
            raise InvalidRequest(message, operation=operation, path=name, reason=reason, argument="headers")
        taken |= {name.lower()}
        headers[name] = check_header_value(operation, name, value)


def _key_header_refusal(key_header: str | None) -> str:
    if key_header is None:
        return "has no effect: the operation honours no idempotency key, so a repetition may be carried out again"
    return "is not read by the API; pass the key as idempotency_key"


def _caller_headers(request: ApiRequest[Any]) -> Iterable[tuple[str, str]]:
    given = cast("object", request.options.headers)
    if given is not None and not isinstance(given, Mapping):
        reason = f"must be a mapping of names to values, not {type(given).__name__}"
        name = request.operation.name
        raise InvalidRequest(f"{name}: headers {reason}", operation=name, path="headers", reason=reason)
    return (request.options.headers or {}).items()


def check_header_value(operation: str, name: str, value: str) -> str:
    """Return a header value if it is printable ASCII without line breaks.

    Raises InvalidRequest otherwise, without showing the value.
    """
    if not _HEADER_VALUE.fullmatch(_require_text(operation, name, value)):
        reason = "must be printable ASCII without line breaks or outer spaces"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    return value


def user_agent(application: str | None) -> str:
    """Return the `User-Agent`: the application's product name, such as `my-shop/1.2`, then the name of this package.

    Raises ConfigurationError if `application` is not a product name (RFC 9110 section 10.1.5).
    """
    own = f"checkout-async/{__version__} Python/{platform.python_version()}"
    if application is None:
        return own
    require_type("application", application, str)
    if not _PRODUCTS.fullmatch(application):
        raise ConfigurationError(
            "application must be a product name such as 'my-shop/1.2', or several separated by spaces"
        )
    return f"{application} {own}"
