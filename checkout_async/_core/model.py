"""The bases of all generated Structs, of requests and of replies, and what the generated modules load on demand.

The generated modules subclass these, and `OpenEnum`. No field of the API is named here.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from datetime import date
from importlib import import_module
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import msgspec
from msgspec import UNSET, UnsetType

from checkout_async._core.spelling import OpenEnum, did_you_mean, fields_of, fold, known_values_only, no_attribute
from checkout_async._core.validation import read_mapping, to_builtin
from checkout_async.redaction import MASK, SecretBytes, clears_frames, mask

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
    "module_beside",
    "modules_on_demand",
    "named_on_demand",
    "received",
]


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
    # Members that were renamed (`x-former-name`): the former names of their fields, and of their keys in JSON.
    __former_names__: ClassVar[Mapping[str, str]] = {}
    __former_keys__: ClassVar[Mapping[str, str]] = {}
    __struct_fields__: ClassVar[tuple[str, ...]]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: Any) -> Any:
        """Return how pydantic, and with it FastAPI, reads, checks and describes the class."""
        # Imported here: that module needs pydantic, which need not be installed, and it imports this one.
        return import_module("checkout_async._core.pydantic_schema").schema_of(cls, handler)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the members that are set, with sensitive ones masked (the protocol of the rich library)."""
        shown: list[tuple[str, Any]] = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None or value is UNSET:
                continue
            kind = self.__sensitive__.get(name)
            # The field of a deprecated member has an underscore, and a property its name.
            shown.append((name.removeprefix("_"), _displayable(value) if kind is None else mask(value, kind)))
        return shown

    if not TYPE_CHECKING:  # a checker would take every name for one that exists

        def __getattr__(self, name: str) -> Any:
            raise no_attribute(self, name)

    def to_json(self) -> bytes:
        """Return the value as JSON, under the names of the API. Nothing is masked.

        For the whole value of a reply, these are the bytes received: they include members and values that this version
        does not know. Any other value is encoded from its members.
        """
        return msgspec.json.encode(self, enc_hook=to_builtin)

    def to_dict(self) -> dict[str, Any]:
        """Return what `to_json` returns as a dict: names of the API, and times as texts. Nothing is masked."""
        # What was received may begin with a byte order mark, as RFC 8259 lets a reader ignore it.
        return cast("dict[str, Any]", msgspec.json.decode(self.to_json().removeprefix(BOM_UTF8)))

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({members})"


_DISPLAYABLE = (str, int, float, date, _MaskedRepr)


class RequestModel(_MaskedRepr, msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A value that is sent. Limits are checked before sending, and a misspelt member is refused."""

    @classmethod
    @clears_frames
    def from_dict(cls, mapping: Mapping[str, object]) -> Self:
        """Return the value of a mapping whose shape no type checker knows, such as decoded JSON.

        The names are those of the API. The mapping is checked as a body is that is sent at the level `shape`. Raises
        InvalidRequest with the JSON path of what is wrong, and without a value.
        """
        return read_mapping(cls, mapping)


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

    def to_json(self) -> bytes:
        """Return the value as JSON: as received, or from its members. Nothing is masked."""
        body = received(self)
        return super().to_json() if body is None else body


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


def named_on_demand(module: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a generated module of models.

    It loads the TypedDicts beside the request types on their first use: at run time only tools that read annotations
    use them, and they take as long to import as the Structs. For any other name it suggests one that the module has.
    """
    _generated.add(module)

    def get(name: str) -> object:
        names: list[str] = import_module(module).__all__
        if name.endswith("Dict") and name.removesuffix("Dict") in names:
            dicts = import_module(module_beside(module, "dicts") or module)
            if name in dicts.__all__:
                return getattr(dicts, name)
        raise _no_name(module, name)

    return get


def modules_on_demand(package: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a generated package whose `__all__` lists its modules. It loads each on first use."""

    def get(name: str) -> object:
        if name in import_module(package).__all__:
            return import_module(f"{package}.{name}")
        raise _no_name(package, name)

    return get


# The generated modules of models that were imported, of this package and of others.
_generated: set[str] = set()


def module_beside(module: str, folder: str) -> str | None:
    """Return the module of the same API in another folder of the generated package; None if no such package has it."""
    if module not in _generated:
        return None
    package, _, name = module.rpartition(".")
    return f"{package.rpartition('.')[0]}.{folder}.{name}"


def _no_name(module: str, name: str) -> AttributeError:
    beside = import_module(module)
    public = module.replace("._generated.", ".")
    message = f"module {public!r} has no attribute {name!r}{did_you_mean(name, beside.__all__)}"
    return AttributeError(message, name=name, obj=beside)
