"""The bases of all generated classes: request and response Structs, and enums that accept unknown values.

The generated modules subclass these. No field of the API is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import import_module
from types import MemberDescriptorType
from typing import Any, ClassVar, Self, cast

import msgspec
from msgspec import UNSET, UnsetType

from checkout_async.redaction import MASK, SecretBytes, mask

__all__ = [
    "UNSET",
    "Model",
    "OpenEnum",
    "RequestModel",
    "ResponseModel",
    "UnsetType",
    "fields_of",
    "fold",
    "keep_received",
    "known_values_only",
    "received",
]


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


_SEPARATORS = dict.fromkeys(map(ord, " _-"))


@cache
def _members_by_folded_value(enum: type[OpenEnum]) -> dict[str, OpenEnum]:
    """Return the members of an enum by their folded values and by other names of them (`x-enum-aliases`)."""
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
        member = _members_by_folded_value(cls).get(fold(value))
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


def _displayable(value: object) -> object:
    """Return a value as `repr` may show it. An object that is not a model is masked, as its secrets are not known."""
    if isinstance(value, list | tuple):
        return [_displayable(item) for item in cast("list[object]", value)]
    return value if isinstance(value, _DISPLAYABLE) else MASK


class _MaskedRepr:
    """The `repr` of both kinds of Struct. It shows the members that are set and masks the sensitive ones.

    `__sensitive__` maps the Python name of a field to its kind in the specification (`x-sensitive`).
    """

    __slots__ = ()
    __sensitive__: ClassVar[Mapping[str, str]] = {}
    __struct_fields__: ClassVar[tuple[str, ...]]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: Any) -> Any:
        """Return how pydantic, and with it FastAPI, reads, checks and describes the class."""
        # On demand: it imports pydantic, which is no dependency, and this module.
        return import_module("checkout_async._core.pydantic_schema").schema_of(cls, handler)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the members that are set, with sensitive ones masked (the protocol of the rich library)."""
        shown: list[tuple[str, Any]] = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None or value is UNSET:
                continue
            kind = self.__sensitive__.get(name)
            shown.append((name, _displayable(value) if kind is None else mask(value, kind)))
        return shown

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({members})"


_DISPLAYABLE = (str, int, float, date, _MaskedRepr)


class RequestModel(_MaskedRepr, msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A value that is sent. Limits are checked before sending, and a misspelt member is refused."""


class _Received:
    """The place for the bytes that a value was decoded from.

    A slot, not an entry of `__dict__`: web frameworks and loggers write what `vars` returns, and these bytes contain
    cryptograms.
    """

    __slots__ = ("_received",)
    _received: SecretBytes
    __struct_fields__: ClassVar[tuple[str, ...]]

    def __getstate__(self) -> dict[str, Any]:
        """Return the members alone. Without this method the state would contain the slot."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class ResponseModel(_Received, _MaskedRepr, msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    """A value that is received. Any member may be missing, unknown ones are ignored, and it cannot be changed.

    The whole value of a reply keeps the bytes it was decoded from; `checkout_async.models.to_json` returns them. No
    copy, pickle, `vars` or other view of the value has them.
    """

    # Members that repeat a member of the request (`x-echoes`): their Python names, and the API name of the other.
    __echoes__: ClassVar[Mapping[str, str]] = {}


def keep_received(model: ResponseModel, body: bytes) -> None:
    """Keep the bytes that a value was decoded from."""
    kept = body if isinstance(body, SecretBytes) else SecretBytes(body)
    _SLOT.__set__(model, kept)  # the class is frozen, and its own `__setattr__` refuses


def received(model: ResponseModel) -> SecretBytes | None:
    """Return the bytes that a value was decoded from, or None if it is not the whole value of a reply."""
    return getattr(model, "_received", None)


# The annotation in the class hides from type checkers that the attribute is the descriptor of a slot.
_SLOT = cast("MemberDescriptorType", vars(_Received)["_received"])

Model = RequestModel | ResponseModel
"""Any generated Struct."""
