"""Texts about a run for people: results in words, and numbers with their units.

The table, the HTML report and the progress display use them.
"""

from __future__ import annotations

import math
from typing import Final

from checkout_async import errors
from checkout_async.batch.outcome import INVALID_RECORD, BatchResult

__all__ = [
    "format_count",
    "format_duration",
    "format_error",
    "format_latency",
    "format_percent",
    "format_rate",
    "format_result",
    "format_time_left",
]


def format_result(result: BatchResult) -> str:
    """Return the result in words, as in `challenge required`."""
    return result.value.replace("_", " ")


_ERRORS: Final = {
    INVALID_RECORD: "not a request",
    errors.InvalidRequest.__name__: "invalid request",
    errors.UnprocessableEntity.__name__: "refused by the API",
    errors.Forbidden.__name__: "not permitted",
    errors.NotFound.__name__: "not found",
    errors.Conflict.__name__: "in use",
    errors.RateLimited.__name__: "too many requests",
    errors.ServerError.__name__: "failure of the API",
    errors.ApiError.__name__: "another answer of the API",
    errors.Unauthorized.__name__: "credentials not accepted",
    errors.AuthenticationFailed.__name__: "credentials refused",
    errors.ConnectFailed.__name__: "not sent",
    errors.OutcomeUnknown.__name__: "no reply",
    errors.UnexpectedResponse.__name__: "reply not understood",
    errors.ReplyMismatch.__name__: "reply to another request",
}


def format_error(kind: str) -> str:
    """Return a kind of error in words, with its name in the results: `no reply (OutcomeUnknown)`."""
    return f"{_ERRORS[kind]} ({kind})" if kind in _ERRORS else kind


def format_count(count: int) -> str:
    """Return a count with separators, as in `12,345`."""
    return f"{count:,}"


def format_percent(part: int, whole: int) -> str:
    """Return a percentage as in `90.4 %`. It shows 0 or 100 % only if that is exact; it is empty if `whole` is 0."""
    if whole == 0:
        return ""
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return "> 99.9 %" if 99.95 <= percent < 100 else f"{percent:.1f} %"


def format_rate(per_second: float) -> str:
    """Return a rate, as in `1,240` or `3.4`: below ten with one decimal."""
    return f"{per_second:,.1f}" if 0 < per_second < 9.95 else f"{per_second:,.0f}"


def format_duration(seconds: float) -> str:
    """Return a time in its two largest units, as in `4.2 s`, `5 min 12 s`, `1 h 12 min`, `2 d 3 h`."""
    return f"{seconds:.1f} s" if seconds < 9.95 else _in_two_units(round(seconds))


def format_time_left(seconds: float) -> str:
    """Return the time left in whole seconds, as in `8 s` or `1 h 12 min`."""
    return _in_two_units(math.ceil(max(seconds, 0.0)))


def format_latency(seconds: float) -> str:
    """Return a short time to three digits, as in `0.42 ms`, `340 ms`, `1.24 s`; from ten seconds on, as a duration."""
    if seconds >= 9.995:
        return format_duration(seconds)
    if seconds >= 0.9995:
        return f"{seconds:.2f} s"
    milliseconds = 1000 * seconds
    digits = 2 if milliseconds < 0.9995 else 1 if milliseconds < 9.95 else 0
    return f"{milliseconds:.{digits}f} ms"


def _in_two_units(seconds: int) -> str:
    if seconds < 3600:
        return _two(seconds, 60, "min", "s")
    if (minutes := round(seconds / 60)) < 24 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(seconds / 3600), 24, "d", "h")


def _two(count: int, many: int, large: str, small: str) -> str:
    larger, smaller = divmod(count, many)
    words = [f"{larger} {large}"] if larger else []
    if smaller or not words:
        words.append(f"{smaller} {small}")
    return " ".join(words)
