"""The settings of a client as frozen values: Environment, Timeouts, RetryPolicy and Limits.

Each value raises ConfigurationError if it is made with a wrong setting. The `require_...` functions check others.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeGuard, get_args
from urllib.parse import SplitResult, unquote, urlsplit

from checkout_async.errors import ConfigurationError
from checkout_async.hosts import is_host
from checkout_async.redaction import clears_frames

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "NO_SUBDOMAIN",
    "Environment",
    "EnvironmentName",
    "Limits",
    "NoSubdomain",
    "RetryPolicy",
    "Timeouts",
    "Validation",
    "check_proxy",
    "matches",
    "require_bool",
    "require_type",
    "split_url",
]

Validation: TypeAlias = Literal["shape", "strict", "off"]
"""How a request is checked before it is sent.

`shape`, the default: JSON types, required members, discriminators, misspelt members, enum values, times with a zone,
and the limits that the API is known to enforce. `strict`: every documented limit too. `off`: nothing.
"""


class Environment(StrEnum):
    """Checkout.com's two environments."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


EnvironmentName: TypeAlias = Environment | Literal["sandbox", "production"]
"""An environment, or its name."""


@clears_frames
def require_type(name: str, value: object, *kinds: type) -> None:
    """Raise ConfigurationError if a setting has another type. Not every caller uses a type checker."""
    allowed = " or ".join(kind.__name__ for kind in kinds)
    if isinstance(value, type):  # a class has the methods of a protocol, too
        raise ConfigurationError(f"{name} must be an instance of {allowed}, not the class {value.__name__}")
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ConfigurationError(f"{name} must be {allowed}, not {type(value).__name__}")


def is_synchronous(function: object) -> bool:
    """Whether this can be called without being awaited. Nobody would await what an async callback returns."""
    call = getattr(function, "__call__", None)  # noqa: B004 - not asked whether it is callable
    return callable(function) and not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call))


def require_callback(name: str, function: object) -> None:
    """Raise ConfigurationError if this is neither None nor a function that need not be awaited."""
    if function is not None and not is_synchronous(function):
        raise ConfigurationError(f"{name} must be a function that is not async: nobody would await it")


@clears_frames
def require_level(validate: object) -> None:
    """Raise ConfigurationError if this is no level at which requests are checked."""
    if validate not in get_args(Validation):
        raise ConfigurationError(f"validate must be one of {', '.join(get_args(Validation))}")


@clears_frames
def matches(value: object, pattern: re.Pattern[str]) -> bool:
    """Return whether a setting is text that matches a pattern. Callers without a type checker pass other types."""
    return isinstance(value, str) and pattern.fullmatch(value) is not None


@clears_frames
def require_bool(name: str, value: object) -> None:
    """Raise ConfigurationError if a switch is neither True nor False: any non-empty text would count as True."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False, not {type(value).__name__}")


# A larger integer raises OverflowError where it meets a float, and that would be after a request was sent.
_LARGEST: Final = sys.float_info.max


def _require_positive(
    settings: DataclassInstance,
    *,
    whole: tuple[str, ...] = (),
    zero_allowed: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in optional and value is None:
            continue
        least = 0 if field.name in zero_allowed else math.ulp(0.0)
        if not _is_number(value, whole=field.name in whole) or not least <= value <= _LARGEST:
            kind = "a whole number above 0" if field.name in whole else "a number above 0"
            alternative = " or None" if field.name in optional else ""
            # Python refuses to write an integer of thousands of digits.
            is_beyond = isinstance(value, int) and abs(value) > _LARGEST
            given = f"a {'larger' if value > 0 else 'smaller'} one than any float" if is_beyond else repr(value)
            raise ConfigurationError(f"{type(settings).__name__}.{field.name} must be {kind}{alternative}, not {given}")


def _is_number(value: object, *, whole: bool) -> TypeGuard[float]:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits, in seconds.

    `total` is the deadline of one call and covers everything: waiting for a free slot, fetching a token, all attempts
    and the waits between them. `attempt` limits one HTTP exchange. `connect` limits opening a connection within it.
    """

    total: float = 60.0
    attempt: float = 30.0
    connect: float = 5.0

    def __post_init__(self) -> None:
        _require_positive(self)

    def merged(self, override: Timeouts | float | None) -> Timeouts:
        """Return these timeouts with `override` applied: other Timeouts, only the deadline (a number), or None."""
        if override is None:
            return self
        require_type("timeout", override, Timeouts, int, float)
        return override if isinstance(override, Timeouts) else replace(self, total=override)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a call is retried. The operation decides whether it may be retried at all.

    `attempts` includes the first attempt; 1 means no retries (`RetryPolicy.none()`). The wait before attempt n + 1 is
    drawn evenly between 0 and `backoff` * 2 ** (n - 1) seconds, at most `max_backoff` (exponential backoff with full
    jitter). A longer `Retry-After` of the server replaces that wait. If it is above `max_retry_after` seconds, the call
    ends instead.

    While the API reports that the idempotency key is in use, the call waits `conflict_wait` seconds and tries again
    (Checkout.com advises 30 seconds or more). It does so until its deadline, or not at all if `attempts` is 1.
    """

    attempts: int = 3
    backoff: float = 0.5
    max_backoff: float = 8.0
    max_retry_after: float = 30.0
    conflict_wait: float = 30.0

    def __post_init__(self) -> None:
        waits = ("backoff", "max_backoff", "max_retry_after")
        _require_positive(self, whole=("attempts",), zero_allowed=waits)

    @classmethod
    def none(cls) -> RetryPolicy:
        """Return the policy that retries nothing."""
        return cls(attempts=1)

    def merged(self, override: RetryPolicy | int | None) -> RetryPolicy:
        """Return this policy with `override` applied: another policy, only the number of retries, or None."""
        if override is None:
            return self
        require_type("retry", override, RetryPolicy, int)
        if isinstance(override, RetryPolicy):
            return override
        if override < 0:
            raise ConfigurationError("retry must be a RetryPolicy or the number of retries, 0 or more")
        return replace(self, attempts=override + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a client does at once, and how fast.

    `concurrency` is the number of attempts in flight, including those that wait for a rate or a token. Further calls
    wait in order of arrival. `read_rate` (GET) and `write_rate` (all else) are requests per second, or None for no
    limit; Checkout.com documents 100 each for an account (its sandbox allows less). `retry_budget` is the number of
    retries per call in the long run, or None for no limit; it keeps retries from making an outage worse.

    An idle connection is closed after `keepalive` seconds, or earlier if the server announces that it will close it
    (`Keep-Alive: timeout=`). A request that must not be sent twice, because its operation honours no idempotency key,
    takes only a connection that was idle for less than `keepalive_non_idempotent` seconds, or a new one: if the server
    closes the connection just then, nobody knows whether it carried the request out. 0 means always a new one.

    At most `response_size` bytes of a reply are read.
    """

    concurrency: int = 64
    read_rate: float | None = 100.0
    write_rate: float | None = 100.0
    retry_budget: float | None = 0.2
    keepalive: float = 15.0
    keepalive_non_idempotent: float = 0.5
    response_size: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        _require_positive(
            self,
            whole=("concurrency", "response_size"),
            zero_allowed=("keepalive_non_idempotent",),
            optional=("read_rate", "write_rate", "retry_budget"),
        )


class NoSubdomain:
    """The type of NO_SUBDOMAIN."""

    def __repr__(self) -> str:
        return "NO_SUBDOMAIN"


NO_SUBDOMAIN: Final = NoSubdomain()
"""Use the legacy shared hosts instead of an account subdomain (being phased out by Checkout.com)."""


@clears_frames
def check_proxy(url: str, name: str = "proxy") -> str:
    """Return the URL of an HTTP proxy if it can be used. `name` is the setting that it comes from.

    The URL may contain a user and a password for HTTP Basic (RFC 7617). Raises ConfigurationError, which never shows
    them.
    """
    require_type(name, url, str)
    if defect := _proxy_defect(url):
        raise ConfigurationError(f"{name} must {defect}")
    return url


def _proxy_defect(url: str) -> str | None:
    """Return what the URL of a proxy must be instead, or None. The caller that raises has no part of it in a local."""
    parts = split_url(url)
    host = parts.hostname if parts is not None else None
    if parts is None or parts.scheme != "http" or not host or not is_host(host) or _has_more_than_an_origin(url, parts):
        return (
            "be a URL such as 'http://proxy.example:3128', with 'user:password@' before the host if the proxy needs "
            "them; https and SOCKS proxies are not supported (requests to the API are encrypted through the proxy)"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if ":" in user or not (user + password).isprintable() or not _is_latin1(user + password):
        return "contain a user without a colon and a password, both of printable Latin-1 characters"
    return None


def _has_more_than_an_origin(url: str, parts: SplitResult) -> bool:
    return parts.path not in {"", "/"} or bool(set(url) & set("?#\\")) or not url.isprintable() or " " in url


def _is_latin1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


@clears_frames
def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, or None if it cannot be split, or has a port that no server listens on."""
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0
    except ValueError:
        return None
    return parts if is_usable else None
