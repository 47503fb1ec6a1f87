"""Decode replies leniently: a member of an unexpected type reads as None, and does not make the reply fail."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin

import msgspec

from checkout_async._core.model import ResponseModel, fields_of, keep_received
from checkout_async._core.validation import explain, union_types
from checkout_async.redaction import scrub

__all__ = ["DecodeError", "decode"]

T = TypeVar("T")

# At most what fits into 64 bits; a longer number is not an amount.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


class DecodeError(ValueError):
    """A reply is not JSON, is not an object, or lacks its identifier. The text contains no value from the reply."""


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    """Return the cached decoder of a type. It accepts numbers written as text."""
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_, strict=False)
    return decoder


def decode(type_: type[T], body: bytes) -> tuple[T, tuple[str, ...]]:
    """Decode a reply. Return its value and the JSON paths of the members that were ignored.

    Raises DecodeError if the reply is not JSON, is not of the expected kind, or lacks a required member.
    """
    ignored: list[str] = []
    # RFC 8259 section 8.1. Of SecretBytes, `removeprefix` alone would make a copy.
    json_text = body.removeprefix(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else body
    value = _decode_or_salvage(type_, json_text, ignored)
    if isinstance(value, ResponseModel):
        keep_received(value, body)
    return value, tuple(ignored)


def _decode_or_salvage(type_: type[T], body: bytes, ignored: list[str]) -> T:
    try:
        return cast("T", _decoder(type_).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(_salvage(_parse_leniently(body), type_, "$", ignored), type_, strict=False)
    except msgspec.ValidationError as error:
        path, reason = explain(str(error), [], type_)
        defect = f"{path}: {reason}"
    except (ValueError, RecursionError):
        defect = "it is not valid JSON" if body else "it is empty"
    # Raised outside the handlers: the context would carry values of the reply into tracebacks.
    raise DecodeError(defect)


def _parse_leniently(body: bytes) -> Any:
    """Parse JSON, also what RFC 8259 allows but msgspec refuses: lone surrogates, numbers of any size."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(body)  # in a tenth of the time
    return _replace_surrogates(json.loads(body.decode("utf-8"), parse_int=_parse_int, parse_constant=_reject_constant))


def _parse_int(digits: str) -> int | float:
    # Python refuses to convert longer ones (`sys.get_int_max_str_digits`), since that takes quadratic time.
    return int(digits) if len(digits) <= 4300 else float(digits)


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _replace_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which cannot be encoded as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kind: type[object] = value.__class__
    if kind is dict:
        return {_replace_surrogates(name): _replace_surrogates(member) for name, member in value.items()}
    return [_replace_surrogates(item) for item in value] if kind is list else value


def _salvage(value: Any, type_: Any, path: str, ignored: list[str]) -> Any:
    """Return the value without the members, at any depth, that do not match `type_`.

    Raises msgspec.ValidationError if the rest does not match either. The paths of removed members go to `ignored`.
    """
    try:
        msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError:
        for other in _other_forms(value, union_types(type_)):
            with suppress(msgspec.ValidationError):
                msgspec.convert(other, type_, strict=False)
                return other
        kind: type[object] = value.__class__
        salvage = _SALVAGERS.get(kind)
        if salvage is None or not _has_members(type_):
            raise
        return salvage(value, type_, path, ignored)
    return value


def _other_forms(value: Any, types: tuple[Any, ...]) -> Iterator[Any]:
    """Yield the value as it would be in one of the types, where the API writes one type as another."""
    if isinstance(value, str):
        if datetime in types:
            yield f"{value}Z"  # a time without a zone is UTC
        if int in types and _WHOLE_NUMBER.fullmatch(value):
            yield int(value)  # a number with leading zeros, such as a month
        if any(get_origin(each) is list for each in types):
            yield [value] if value else []  # a list of one text as the bare text
    elif isinstance(value, int | float) and not isinstance(value, bool) and str in types:
        yield str(value)


def _salvage_object(value: dict[str, Any], type_: Any, path: str, ignored: list[str]) -> Any:
    if any(get_origin(option) is list for option in union_types(type_)):
        return _salvage_array([value], type_, path, ignored)  # the API writes some one-item lists as the bare item
    kept = dict(value)
    for name, member_type, step in _known_members(type_, kept):
        here = f"{path}{step}"
        try:
            kept[name] = _salvage(kept[name], member_type, here, ignored)
        except msgspec.ValidationError:
            del kept[name]
            ignored.append(here)
    msgspec.convert(kept, type_, strict=False)
    return kept


def _salvage_array(value: list[Any], type_: Any, path: str, ignored: list[str]) -> list[Any]:
    kept: list[Any] = []
    for option in union_types(type_):
        if get_origin(option) is not list:
            continue
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            try:
                kept.append(_salvage(item, get_args(option)[0], here, ignored))
            except msgspec.ValidationError:
                ignored.append(here)
        return kept
    msgspec.convert(value, type_)  # raises the error that says which type was expected
    return value


_SALVAGERS: dict[type, Callable[[Any, Any, str, list[str]], Any]] = {dict: _salvage_object, list: _salvage_array}


def _known_members(type_: Any, value: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return API name, type and path step of each member that the type knows, be it a Struct or a map.

    The names in a map are chosen by the merchant. They go into logs, so they are scrubbed and quoted.
    """
    members = _members_of(type_)
    found = [each for name in value for each in members.get(name, ())]
    for option in union_types(type_):
        if get_origin(option) is dict:
            found += [(name, get_args(option)[1], f"[{json.dumps(scrub(name))}]") for name in value]
    return found


@cache
def _has_members(type_: Any) -> bool:
    """Return whether values of a type have members or items, of which those that fit can be kept."""
    return bool(_members_of(type_)) or any(get_origin(each) in {dict, list} for each in union_types(type_))


@cache
def _members_of(type_: Any) -> Mapping[str, Sequence[tuple[str, Any, str]]]:
    """Return by API name the members of a Struct, or of those of a union: API name, type and path step of each."""
    structs = [each for each in union_types(type_) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    found: dict[str, list[tuple[str, Any, str]]] = {}
    for field in chain.from_iterable(map(fields_of, structs)):
        found.setdefault(field.encode_name, []).append((field.encode_name, field.type, f".{field.encode_name}"))
    return found
