"""What went wrong, in the words of a person who has the results open: what happened, and what to do about it.

The text of an error is for the programmer who catches it: it names operations, arguments and classes.
"""

from __future__ import annotations

import re
from typing import Final

from checkout_async.errors import (
    ApiError,
    CheckoutError,
    InvalidRequest,
    OutcomeUnknown,
    ReplyMismatch,
    UnexpectedResponse,
)
from checkout_async.redaction import sanitize

__all__ = ["plain", "what_happened"]

_PLAIN: Final = (
    (re.compile("Expected `int`, got .*"), "not a whole number"),
    (re.compile("Expected `bool`, got .*"), "neither true nor false"),
    (re.compile("Expected `str`, got .*"), "not a text; write it in quotes"),
    (re.compile("Expected `object`, got .*"), "not an object"),
    (re.compile("Expected `array`, got .*"), "not a list"),
    (re.compile("(Expected `datetime`, got|Invalid RFC3339) .*"), "not a date and time such as 2026-11-28T09:30:00Z"),
    (re.compile("Object missing required field `([^`]*)`"), r"\1 is missing"),
    (re.compile("Object contains unknown field `[^`]*`(.*)"), r"no member of a session request\1"),
    (re.compile("(?:the body )?cannot be written as JSON: can't serialize ints .*"), "a number is too large"),
    (re.compile("it is larger than Limits.response_size.*"), "it is too large"),
    (re.compile(r"Expected `(?:int|float)` >= (\S+)"), r"below \1"),
    (re.compile(r"Expected `(?:int|float)` <= (\S+)"), r"above \1"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"shorter than \1 characters"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"longer than \1 characters"),
    (re.compile(r"Expected `array` of length >= (\d+)"), r"a list of less than \1 items"),
    (re.compile(r"Expected `array` of length <= (\d+)"), r"a list of more than \1 items"),
)

_UNKNOWN_MEMBER: Final = re.compile("Object contains unknown field `([^`]*)`")
"""The JSON path is that of the object, without the name."""

_HINTS: Final = {
    401: "; check the credentials",
    403: "; a scope may be missing, or a rule of the account forbids it",
    404: "; check the subdomain and the environment",
    429: "; lower --rate",
}
"""What a status says about a request for a new session, beyond its error codes."""


def plain(reason: str) -> str:
    """Return the reason of a check or of the decoder in plain words."""
    for pattern, words in _PLAIN:
        if (match := pattern.fullmatch(reason.removeprefix("$: "))) is not None:
            return match.expand(words)
    return reason


def what_happened(error: CheckoutError) -> str:
    """Return what happened to a request. It contains no value of it, as the text of the error does not."""
    operation = getattr(error, "operation", "")
    match error:
        case InvalidRequest() if error.reason:
            unknown = _UNKNOWN_MEMBER.match(error.reason)
            return (f"{unknown[1]}: " if unknown is not None else "") + plain(error.reason)
        case ApiError():
            return _answer(error) + (_HINTS.get(error.status, "") if operation != "get_session" else "")
        case ReplyMismatch():
            return f"the reply belongs to another request: {error.reason}"
        case UnexpectedResponse():
            return f"the reply with status {error.status} cannot be understood: {plain(error.reason)}"
        case OutcomeUnknown() if error.reason:
            return f"no reply: {error.reason}"
        case _:
            return str(error).removeprefix(f"{operation}: ")


def _answer(error: ApiError) -> str:
    text = f"the API answered {error.status}"
    if error.error_type:
        text += f" {sanitize(error.error_type)}"
    codes = ", ".join(filter(None, error.error_codes))
    return f"{text}: {sanitize(codes)}" if codes else text
