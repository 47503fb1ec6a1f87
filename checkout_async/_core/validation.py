"""Checks a body against its type, and says what is wrong as a JSON path and a sentence, without the offending value.

A body is packed and read again as its type, so that what is sent is what was checked. msgspec quotes the value in some
messages and Python's form of a pattern in others. Neither helps a reader, and a value may be a card number. A misspelt
member gets the name that was probably meant.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin

import msgspec

from checkout_async._core.spelling import OpenEnum, did_you_mean, fields_of, fold, known_values_only
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretBytes, sanitize, scrub

__all__ = [
    "SEND_ANYWAY",
    "encode",
    "explain",
    "pack",
    "read",
    "read_mapping",
    "refuse_what_json_lacks",
    "specified_pattern",
    "to_builtin",
    "union_types",
]

T = TypeVar("T")

SEND_ANYWAY: Final = 'pass validate="off" to send it all the same'
_ADD_MEMBER: Final = 'pass a member that the specification does not know yet as extra_body, or validate="off"'

_TOO_DEEP: Final = "is nested more deeply than Python can follow"

_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_PATH_STEP = re.compile(r"\.[^.\[]+|\[[^\]]*\]")
_UNKNOWN_MEMBER = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_WRONG_PATTERN = re.compile(r"Expected `str` matching regex '(?P<pattern>.*)'", re.DOTALL)
_BACKSLASH = "\\"  # msgspec doubles it, as `repr` does
_NO_ZONE = "Expected `datetime` with a timezone component"


def to_builtin(value: object) -> object:
    """Convert what msgspec does not encode by itself: any mapping, and subclasses of str."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


# NaN and the infinities as MessagePack writes them. In text these bytes cannot follow one another.
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")

# MessagePack keeps bytes apart from text, while the JSON encoder would write them as base64 without asking.
pack: Final = msgspec.msgpack.Encoder(enc_hook=to_builtin)


def encode(encoder: Any, body: object) -> tuple[SecretBytes, str]:
    """Return an encoded body and an empty text, or nothing and the reason why it cannot be encoded."""
    try:
        return SecretBytes(encoder.encode(body)), ""
    except RecursionError:
        return SecretBytes(), f"it {_TOO_DEEP}"
    except (TypeError, ValueError, OverflowError) as error:
        return SecretBytes(), sanitize(str(error))


def read_mapping(type_: type[T], mapping: Mapping[str, object]) -> T:
    """Return the value of a mapping as a generated request type. Raises InvalidRequest."""
    name = type_.__name__
    if not isinstance(cast("object", mapping), Mapping):
        reason = f"must be a mapping of names to values, not {type(mapping).__name__}"
        raise InvalidRequest(f"{name} {reason}", reason=reason, argument="mapping")
    packed, defect = encode(pack, mapping)
    del mapping  # a traceback may show the locals
    if defect:
        raise InvalidRequest(f"{name} cannot be written as JSON: {defect}", reason=defect, argument="mapping")
    return cast("T", read(name, packed, type_))


_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
_free_form: set[Any] = set()
"""The types that may contain free-form JSON: nothing but them takes bytes."""


def read(operation: str, packed: SecretBytes, type_: Any) -> Any:
    """Return a packed body as the type that it is checked against. Raises InvalidRequest."""
    try:
        return _read(operation, packed, type_)
    except RecursionError:  # the body could be packed, but a caller's stack may leave no room to follow it
        del packed  # a traceback may show the locals
    raise _invalid(operation, "$", "$", _TOO_DEEP)


def _read(operation: str, packed: SecretBytes, type_: Any) -> Any:
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.msgpack.Decoder(type_)
        if _may_be_free_form(type_):
            _free_form.add(type_)
    # Most bodies have no float at all, and a search for its first byte is over at once.
    if (packed.find(b"\xcb") >= 0 and _NOT_FINITE.search(packed)) or type_ in _free_form:
        refuse_what_json_lacks(operation, packed, "$")
    with known_values_only() as refused:
        try:
            return decoder.decode(packed)
        except msgspec.ValidationError as error:
            message = str(error)
        corrected, message = _correct(packed, type_, message)
        if corrected is not None:
            return corrected
        path, reason = explain(message, refused, type_)
    # Raised outside the handlers: the cause would carry the offending value into tracebacks.
    hint = _ADD_MEMBER if "unknown field" in reason else SEND_ANYWAY
    raise InvalidRequest(f"{operation}: {path}: {reason} ({hint})", operation=operation, path=path, reason=reason)


def _may_be_free_form(type_: Any) -> bool:
    """Return whether a type may contain `Any`: then its module, or the one of what APIs share, imports that name.

    To look at every member of the type would take longer than to build its decoder.
    """
    options = [each for option in union_types(type_) for each in (option, *get_args(option))]
    names = {each.__module__ for each in options if isinstance(each, type)}
    names |= {f"{name.rpartition('.')[0]}.common" for name in names}
    return any("Any" in vars(sys.modules[name]) for name in names & sys.modules.keys())


def refuse_what_json_lacks(operation: str, packed: bytes, root: str) -> None:
    """Raise InvalidRequest for bytes and for numbers that are not finite, as MessagePack writes them.

    The JSON encoder would write base64 and null in their place. An amount that is null captures everything.
    """
    found: tuple[str, str] | None = (root, _TOO_DEEP)
    with suppress(RecursionError):
        found = _path_to_unwritable(msgspec.msgpack.decode(packed), root) if packed else None
    del packed  # a traceback may show the locals
    if found is not None:
        raise _invalid(operation, root, *found)


def _invalid(operation: str, root: str, path: str, reason: str) -> InvalidRequest:
    argument = None if root == "$" else root
    message = f"{operation}: {path}: {reason}"
    return InvalidRequest(message, operation=operation, path=path, reason=reason, argument=argument)


def _path_to_unwritable(value: object, path: str) -> tuple[str, str] | None:
    """Return the JSON path of the first value that JSON cannot write, and what is wrong with it, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return path, "must be a finite number"
    if isinstance(value, bytes):
        return path, "must be text, not bytes"
    members: list[tuple[str, object]] = []
    if isinstance(value, dict):
        members = [(f".{sanitize(str(name))}", member) for name, member in cast("dict[object, object]", value).items()]
    elif isinstance(value, list):
        members = [(f"[{index}]", item) for index, item in enumerate(cast("list[object]", value))]
    found = (_path_to_unwritable(member, path + step) for step, member in members)
    return next((each for each in found if each is not None), None)


def _correct(packed: SecretBytes, type_: Any, message: str) -> tuple[object, str]:
    """Correct what the API does not mind, and try again; return the checked value, or None and the last message.

    100.0 is a whole number, since JSON has one kind of number. The tag of a variant may be spelt loosely, as an enum
    value may: msgspec compares tags exactly. A member may have its former name.
    """
    body: Any = msgspec.msgpack.decode(packed)
    seen: set[str] = set()
    while message not in seen:
        seen.add(message)
        if "got `float`" in message:
            _make_whole(body, message)
        elif message.startswith("Invalid value"):
            _respell_tag(body, message, type_)
        elif "unknown field" in message:
            _rename_members(body, message, type_)
        try:
            return msgspec.convert(body, type_), ""
        except msgspec.ValidationError as error:
            message = str(error)
    return None, message


def explain(message: str, refused: list[type[OpenEnum]], type_: Any) -> tuple[str, str]:
    """Split a validation message of msgspec into JSON path and reason. `refused` are the enums that refused a value."""
    match = _MESSAGE.match(message)
    assert match is not None
    what, path = match["what"], match["path"] or "$"
    return scrub(path), _reason(what, path, refused, type_)


def _reason(what: str, path: str, refused: list[type[OpenEnum]], type_: Any) -> str:
    if what.startswith("Invalid enum value") and refused:
        return f"must be one of {', '.join(refused[-1])}"
    if what.startswith("Invalid value"):
        tags = _tags(type_, path)
        return f"must be one of {', '.join(tags)}" if tags else "is not a known variant"
    if unknown := _UNKNOWN_MEMBER.fullmatch(what):
        return sanitize(what) + _meant_member(unknown["name"], _structs_at(type_, _PATH_STEP.findall(path)))
    if wrong := _WRONG_PATTERN.fullmatch(what):
        return f"must match {specified_pattern(wrong['pattern'].replace(_BACKSLASH * 2, _BACKSLASH))}"
    if what == _NO_ZONE:
        return "needs a time zone: write an offset such as +00:00 or Z, or use datetime.now(timezone.utc)"
    return sanitize(what.replace(" | null`", "`").replace("got `None`", "got `null`"))


def specified_pattern(pattern: str) -> str:
    """Return a pattern as the specification writes it, without the changes for Python's `re`."""
    return pattern.removeprefix("(?a)").replace(r"\Z", "$")


@cache
def union_types(type_: Any) -> tuple[Any, ...]:
    """Return the types of a union except None, or a tuple of the type itself. Limits are removed."""
    if get_origin(type_) is Annotated:
        return union_types(get_args(type_)[0])
    if get_origin(type_) in {Union, UnionType}:
        return tuple(each for option in get_args(type_) if option is not NoneType for each in union_types(option))
    return (type_,)


def _meant_member(name: str, structs: list[type[msgspec.Struct]]) -> str:
    # A struct that has the member is another variant of the union than the one that was sent.
    structs = [struct for struct in structs if name not in struct.__struct_encode_fields__]
    known = [each for struct in structs for each in struct.__struct_encode_fields__]
    python = [each for struct in structs for each in struct.__struct_fields__]
    # Who writes a mapping may take the Python name of a member for the API's.
    return f"; did you mean `{known[python.index(name)]}`?" if name in python else did_you_mean(name, known)


def _respell_tag(body: Any, message: str, type_: Any) -> None:
    """Replace the tag that a message is about by the listed one that it means, in place, if there is one."""
    match = _MESSAGE.match(message)
    path = match["path"] if match is not None and match["path"] else "$"
    *steps, last = _PATH_STEP.findall(path) or [""]
    listed = {fold(tag): tag for tag in _tags(type_, path)}
    for holder in _objects_at(body, steps):
        tag = holder.get(last[1:])
        if isinstance(tag, str) and fold(tag) in listed:
            holder[last[1:]] = listed[fold(tag)]


def _rename_members(body: Any, message: str, type_: Any) -> None:
    """Replace the former names of members in the objects that a message is about, in place."""
    from checkout_async._core.former_names import use_present_names  # noqa: PLC0415 - few releases rename a member

    match = _MESSAGE.match(message)
    steps = _PATH_STEP.findall(match["path"] or "" if match is not None else "")
    for struct in _structs_at(type_, steps):
        for holder in _objects_at(body, steps):
            use_present_names(struct, holder)


def _make_whole(body: Any, message: str) -> None:
    """Replace the whole numbers at the path that a message is about, in place. Any other number stays as it was given.

    A step `[...]` stands for any item of a list, and for any value of a map.
    """
    match = _MESSAGE.match(message)
    *steps, last = _PATH_STEP.findall(match["path"] or "" if match is not None else "") or [""]
    holders: list[Any] = [body]
    for step in steps:
        holders = [holder[key] for holder in holders for key in _keys(holder, step)]
    for holder in holders:
        for key in _keys(holder, last):
            number = holder[key]
            if isinstance(number, float) and number.is_integer():
                holder[key] = int(number)


def _keys(holder: Any, step: str) -> list[Any]:
    """Return the keys or indices of an object or a list that a step of a path stands for."""
    if isinstance(holder, list):
        return list(range(len(cast("list[object]", holder)))) if step.startswith("[") else []
    if not isinstance(holder, dict):
        return []
    return list(cast("dict[str, object]", holder)) if step.startswith("[") else [step[1:]] if step[1:] in holder else []


def _objects_at(value: object, steps: list[str]) -> list[dict[str, object]]:
    """Return the objects at a JSON path, whose `[...]` stands for any item of a list, and for any value of a map."""
    found: list[Any] = [value]
    for step in steps:
        found = [holder[key] for holder in found for key in _keys(holder, step)]
    return _objects(found)


def _objects(values: list[object]) -> list[dict[str, object]]:
    return [cast("dict[str, object]", each) for each in values if isinstance(each, dict)]


def _tags(type_: Any, path: str) -> list[str]:
    """Return the tags that are allowed at the JSON path of a tag."""
    structs = _structs_at(type_, _PATH_STEP.findall(path)[:-1])
    return [str(each.__struct_config__.tag) for each in structs if each.__struct_config__.tag is not None]


def _structs_at(type_: Any, steps: list[str]) -> list[type[msgspec.Struct]]:
    """Return the Structs that may stand at a JSON path."""
    found = union_types(type_)
    for step in steps:
        found = tuple(each for option in found for each in union_types(_step_into(option, step)))
    return [each for each in found if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _step_into(type_: Any, step: str) -> Any:
    """Return the type one path step down: that of a Struct's member, or of the items of a list or map."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return next((each.type for each in fields_of(type_) if f".{each.encode_name}" == step), NoneType)
    return get_args(type_)[-1] if get_origin(type_) in {list, dict} else NoneType
