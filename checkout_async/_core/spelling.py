"""Values and names as callers and the API spell them: enums in any letter case, and names that were probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from enum import StrEnum
from functools import cache
from typing import ClassVar, Self, cast

import msgspec

__all__ = ["OpenEnum", "did_you_mean", "fields_of", "fold", "known_values_only", "no_attribute"]


# msgspec resolves all annotations of a Struct at each call, which takes a millisecond for a payment.
@cache
def fields_of(type_: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a Struct."""
    return msgspec.structs.fields(type_)


_refusals: ContextVar[list[type[OpenEnum]] | None] = ContextVar("refused", default=None)


class known_values_only:  # noqa: N801 - used like a function
    """Inside the block, make enums refuse every text that is not a listed value in some spelling.

    Gives a list; each enum that refuses a value appends itself. (A class: a generator takes 1 us more.)
    """

    __slots__ = ("_token",)
    _token: Token[list[type[OpenEnum]] | None]

    def __enter__(self) -> list[type[OpenEnum]]:
        refused: list[type[OpenEnum]] = []
        self._token = _refusals.set(refused)
        return refused

    def __exit__(self, *_error: object) -> None:
        _refusals.reset(self._token)


# Replies have few spellings of a value. More come from nobody who means well, and are not remembered.
_MAX_SPELLINGS = 1000
_SEPARATORS = dict.fromkeys(map(ord, " _-"))


@cache
def _members_by_folded_value(enum: type[OpenEnum]) -> dict[str, OpenEnum]:
    """Return the members of an enum by their folded values and by other names of them (`x-enum-aliases`).

    `_missing_` adds the spellings that it meets: to fold one takes 0.4 us, and a payment has its scheme five times.
    """
    aliases = {fold(alias): enum(value) for alias, value in enum.__aliases__.items()}
    return aliases | {fold(str(member)): member for member in enum}


def fold(value: str) -> str:
    """Return a value in lower case and without blanks, `_` and `-`: the API is consistent in none of them."""
    return value.casefold().translate(_SEPARATORS)


class OpenEnum(StrEnum):
    """An enum of the API that keeps a value it does not know. Such a value equals its text.

    Letter case, blanks, `_` and `-` do not matter: `Status("Partially Captured")` is the same member as
    `Status("partially_captured")`. An unknown
    value becomes a new member that iteration does not list. Compare it with `==`.
    """

    __aliases__: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        members = _members_by_folded_value(cls)
        member = members.get(value)
        if member is None and (member := members.get(fold(value))) is not None and len(members) < _MAX_SPELLINGS:
            members[str(value)] = member
        if member is not None:
            return cast("Self", member)
        if (refused := _refusals.get()) is not None:
            refused.append(cls)
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown

    @property
    def is_known(self) -> bool:
        """Whether the specification of this version lists the value."""
        return self._value_ in type(self)._value2member_map_


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` with the name that was probably meant, or nothing.

    A name that ends with the one that was looked for comes first: `PaymentAddress` for `Address`.
    """
    import difflib  # noqa: PLC0415 - only mistakes need it

    listed = list(known)
    longer = [each for each in listed if each.casefold().endswith(name.casefold())] if len(name) > 2 else []
    close = [min(longer, key=len)] if longer else difflib.get_close_matches(name, listed, 1)
    return f"; did you mean `{close[0]}`?" if close else ""


class _NoAttribute(AttributeError):
    """An object has no attribute of a name. The suggestion is made when somebody reads it: libraries look for names."""

    def __init__(self, owner: str, wrong: str, known: tuple[str, ...]) -> None:
        super().__init__(owner, wrong, known)

    def __str__(self) -> str:
        owner, wrong, known = self.args
        return f"{owner!r} object has no attribute {wrong!r}{did_you_mean(wrong, known)}"


def no_attribute(owner: object, name: str) -> AttributeError:
    """Return the error of an object that has no attribute of this name, with one that was probably meant."""
    known = () if name.startswith("_") else tuple(each for each in dir(type(owner)) if not each.startswith("_"))
    return _NoAttribute(type(owner).__name__, name, known)
