"""Mask everything that must not be printed: card numbers, CVVs, tokens, keys, personal data, headers.

Headers follow an allow-list: the value of any other header is masked. A value of a sensitive kind is never shown.

Tools that report errors write the local variables of every frame. So a public function that takes a secret or a body
is decorated with `clears_frames`, and what lives longer is a `Secret`, `SecretBytes`, `SecretMembers`, `SecretStruct`
or `Headers`.
"""

from __future__ import annotations

import inspect
import opcode
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from types import FrameType, TracebackType
from typing import ClassVar, Final, ParamSpec, SupportsIndex, TypeVar, cast, overload

import msgspec

from checkout_async._generated.facts import VISIBLE_HEADERS

__all__ = [
    "MASK",
    "Headers",
    "Secret",
    "SecretBytes",
    "SecretMembers",
    "SecretStruct",
    "as_secret",
    "clears_frames",
    "mask",
    "mask_headers",
    "sanitize",
    "scrub",
]

T = TypeVar("T")
P = ParamSpec("P")

MASK = "***"

_MAX_LENGTH = 200

_VISIBLE_HEADERS = frozenset(
    {
        "accept",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "user-agent",
        *map(str.lower, VISIBLE_HEADERS),
    }
)

_SEPARATOR = r"[\s._\-\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2060\u2212\ufeff]"

# Card numbers have 12 to 19 digits (ISO/IEC 7812; Maestro has the short ones). People write the digits in groups.
_SHORTEST_CARD, _LONGEST_CARD = 12, 19
_DIGITS = re.compile(rf"\d(?:{_SEPARATOR}{{0,2}}\d){{{_SHORTEST_CARD - 1},}}")
_GROUP = re.compile(r"\d+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of twice a digit
# The search looks at every group of digits many times. No text for people is that long.
_MAX_SEARCHED = 10_000
_NUMBER_AT_END = re.compile(rf"\d(?:\d|{_SEPARATOR})*\Z")

# A request id, which support asks for. Nobody writes a card number in this shape.
_UUID = re.compile(
    r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=\d*[a-f])[0-9a-f]{32})\b", re.IGNORECASE
)
_SECRET = re.compile(r"\b(?:sek|sk|pk|tok|ack)_[\w+/=*#$-]+|\bey[\w-]{8,}(?:\.[\w-]*)*|(?i:\b(?:bearer|basic)\s+\S+)")


def mask(value: object, kind: str) -> str:
    """Return a mask for a sensitive value. Only the last four digits of a card number (`pan`) are shown."""
    if kind == "pan" and isinstance(value, str) and len(value) >= 13:
        return f"{MASK}{value[-4:]}"
    return MASK


def scrub(text: str) -> str:
    """Mask in free text, such as a server's error message, what looks like a card number, a key or a token.

    A run of digits is a card number if it has the length, the grouping and the check digit of one. UUIDs stay whole. In
    a very long text, every run of so many digits is masked.
    """
    hidden = _hide_cards if len(text) <= _MAX_SEARCHED else MASK
    # `split` returns the text between UUIDs and, at odd places, the UUIDs themselves.
    parts = _UUID.split(_SECRET.sub(MASK, text))
    parts[::2] = [_DIGITS.sub(hidden, part) for part in parts[::2]]
    return "".join(parts)


def _hide_cards(run: re.Match[str]) -> str:
    """Return a run of groups of digits. Every group that may belong to a card number is masked.

    All stretches of groups are tried: an expiry date or a CVV may follow the card number, or an amount precede it.
    """
    text, groups = run[0], [*_GROUP.finditer(run[0])]
    shown: list[str] = []
    end = 0
    for first, group in enumerate(groups):
        stop = _end_of_card(groups[first : first + _LONGEST_CARD])
        if stop is None:
            continue
        if group.start() >= end:
            shown += (text[end : group.start()], MASK)
        end = max(end, stop)
    return "".join((*shown, text[end:]))


def _end_of_card(groups: list[re.Match[str]]) -> int | None:
    """Return where the longest card number that begins with the first group ends, or None if none does."""
    digits, end = "", None
    is_long = is_even = True
    for group in groups:
        digits += group[0]
        # 4-4-4-4, 4-6-5, 4-4-4-1 and the like, or digits that are spaced out evenly.
        is_even = is_even and len(group[0]) == len(groups[0][0])
        if len(digits) > _LONGEST_CARD or not (is_long or is_even):
            break
        if len(digits) >= _SHORTEST_CARD and _has_check_digit(digits):
            end = group.end()
        is_long = len(group[0]) >= 4  # and so were those before, or the loop had ended
    return end


def _has_check_digit(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (Luhn's sum, ISO/IEC 7812-1 annex B)."""
    return (sum(map(int, digits[::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def sanitize(text: str) -> str:
    """Return free text of a server so that it can be put into a message: scrubbed, printable, on one line, and short.

    Other characters could forge lines of a log or send commands to a terminal.
    """
    shown = scrub(text) if len(text) <= _MAX_LENGTH else f"{scrub(_NUMBER_AT_END.sub(MASK, text[:_MAX_LENGTH]))}..."
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers. Values of headers that are not on the allow-list are masked."""
    return {name: value if name.lower() in _VISIBLE_HEADERS else MASK for name, value in headers.items()}


class SecretBytes(bytes):
    """The bytes of a message. Its `repr` shows only their number; `decode()` or `bytes()` gives the content."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    __str__ = __repr__

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> SecretBytes: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | SecretBytes:
        """Return a byte, or a slice as SecretBytes, so that shortened bytes do not print either."""
        return SecretBytes(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


class Secret(str):
    """A credential, a key or other secret text. Its `repr` shows nothing; `str()` and formatting give the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __getitem__(self, key: SupportsIndex | slice, /) -> Secret:
        """Return a slice as Secret, so that shortened text does not print either."""
        return Secret(super().__getitem__(key))


def as_secret(value: T) -> T:
    """Return text as Secret and bytes as SecretBytes. Any other value is returned as it is, for a later type check."""
    if isinstance(value, str):
        return cast("T", Secret(str.__str__(value)))  # `str` of a member of an enum may be the name of the member
    return cast("T", SecretBytes(value)) if isinstance(value, bytes) else value


class SecretStruct(msgspec.Struct, frozen=True):
    """The base of values that contain secrets. Their `repr` leaves out the members in `__hidden__`.

    Loggers and web frameworks write the members of a dataclass, and whatever `vars` returns, but not those of a Struct.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ()

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return the members that may be shown (the protocol of the rich library)."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.__hidden__]

    def __getstate__(self) -> dict[str, object]:
        """Return the members that may be shown. Pickles and copies are whole: a Struct has `__reduce__` for them."""
        return dict(self.__rich_repr__())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class SecretMembers(dict[str, object]):
    """Members of a JSON object. Their `repr` shows the names only, sanitized."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr({sanitize(str(name)): MASK for name in self})

    __sentry_repr__ = __repr__  # without it, Sentry's SDK would write a mapping by its items


_WHERE_SUSPENDED: Final = {opcode.opmap["YIELD_VALUE"], opcode.opmap["RESUME"]}  # the latter since Python 3.13
_SUSPENDABLE: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Headers(dict[str, str]):
    """HTTP headers. Their `repr` masks every value that is not on the allow-list."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask_headers(self))

    __sentry_repr__ = __repr__  # as above


def clears_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function, a coroutine function or a method that takes a secret or a body.

    An exception leaves it without the local variables of its frames and of those below. A traceback still names file,
    line and function. The exceptions that it refers to, and the members of a group, are treated alike, except for one
    that the caller was handling already. A generator or coroutine that went on after an exception keeps its variables:
    it is still in use.
    """
    if inspect.iscoroutinefunction(function):
        return cast("Callable[P, T]", _clears_when_awaited(function))

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            _clear_frames(error, handled)
            raise

    return call


def _clears_when_awaited(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    @wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        handled = sys.exception()
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            _clear_frames(error, handled)
            raise

    return call


def _clear_frames(error: BaseException, handled: BaseException | None) -> None:
    """Clear the frames of an exception, its causes, contexts and members. `handled` belongs to the caller."""
    seen = {id(None), id(handled)}
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            for frame, instruction in _frames(each.__traceback__):
                if not _may_be_in_use(frame, instruction):
                    with suppress(RuntimeError):  # it is running
                        frame.clear()
            waiting += [each.__cause__, each.__context__]
            if isinstance(each, BaseExceptionGroup):
                waiting += cast("BaseExceptionGroup[BaseException]", each).exceptions


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of a traceback, each with the instruction at which the exception left it."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _may_be_in_use(frame: FrameType, instruction: int) -> bool:
    """Return whether a frame is of a generator or coroutine that went on after the exception: clearing would end it.

    Such a frame is suspended at a `yield` or `await`, and not at the instruction that the exception came from. One that
    ended can have a later last instruction, too: since Python 3.12, that of an `await` that raised cleans up.
    """
    if not frame.f_code.co_flags & _SUSPENDABLE or frame.f_lasti == instruction:
        return False
    return frame.f_code.co_code[frame.f_lasti] in _WHERE_SUSPENDED
