"""What msgspec found wrong, as a JSON path and a sentence, without the offending value.

msgspec quotes the value in some messages and Python's form of a pattern in others. Neither helps a reader, and a value
may be a card number. A misspelt member gets the name that was probably meant.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec

from checkout_async._core.model import OpenEnum, fields_of, fold
from checkout_async.redaction import sanitize, scrub

__all__ = ["explain", "respell_tag", "specified_pattern", "union_types"]

_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_PATH_STEP = re.compile(r"\.[^.\[]+|\[[^\]]*\]")
_UNKNOWN_MEMBER = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_WRONG_PATTERN = re.compile(r"Expected `str` matching regex '(?P<pattern>.*)'", re.DOTALL)
_BACKSLASH = "\\"  # msgspec doubles it, as `repr` does
_NO_ZONE = "Expected `datetime` with a timezone component"


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
        return sanitize(what) + _did_you_mean(unknown["name"], _structs_at(type_, _PATH_STEP.findall(path)))
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


def _did_you_mean(name: str, structs: list[type[msgspec.Struct]]) -> str:
    # A struct that has the member is another variant of the union than the one that was sent.
    structs = [struct for struct in structs if name not in struct.__struct_encode_fields__]
    known = [each for struct in structs for each in struct.__struct_encode_fields__]
    python = [each for struct in structs for each in struct.__struct_fields__]
    close = difflib.get_close_matches(name, known, 1)
    # Who writes a mapping may take the Python name of a member for the API's.
    meant = known[python.index(name)] if name in python else close[0] if close else None
    return f"; did you mean `{meant}`?" if meant else ""


def respell_tag(body: Any, message: str, type_: Any) -> None:
    """Replace the tag that a message is about by the listed one that it means, in place, if there is one."""
    match = _MESSAGE.match(message)
    path = match["path"] if match is not None and match["path"] else "$"
    *steps, last = _PATH_STEP.findall(path) or [""]
    listed = {fold(tag): tag for tag in _tags(type_, path)}
    for holder in _objects_at(body, steps):
        tag = holder.get(last[1:])
        if isinstance(tag, str) and fold(tag) in listed:
            holder[last[1:]] = listed[fold(tag)]


def _objects_at(value: object, steps: list[str]) -> list[dict[str, object]]:
    """Return the objects at a JSON path, whose `[...]` stands for any item."""
    found = [value]
    for step in steps:
        if step.startswith("."):
            found = [each.get(step[1:]) for each in _objects(found)]
        else:
            found = [item for each in found if isinstance(each, list) for item in cast("list[object]", each)]
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
