"""Encode requests strictly and decode replies leniently.

`encode_body` checks a request body against its type and raises InvalidRequest. `encode_form` writes an encoded body as
a form. `decode` reads a reply: a member of an unexpected type reads as None, and does not make the reply fail.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, NoReturn, TypeVar, Union, cast, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from checkout_async._core.model import OpenEnum, ResponseModel, known_values_only
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretBytes, sanitize, scrub

__all__ = ["DecodeError", "decode", "encode_body", "encode_form"]

T = TypeVar("T")

_VALIDATION_MESSAGE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_PATH_STEP = re.compile(r"\.[^.\[]+|\[[^\]]*\]")
# At most what fits into 64 bits; a longer number is not an amount.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


def _mapping_to_dict(value: object) -> object:
    """Convert any mapping to a dict for the encoder."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_encoder = msgspec.json.Encoder(enc_hook=_mapping_to_dict)


class DecodeError(ValueError):
    """A reply is not JSON, is not an object, or lacks its identifier. The text contains no value from the reply."""


_decoders: dict[tuple[Any, bool], msgspec.json.Decoder[Any]] = {}


def _decoder(type_: Any, *, strict: bool) -> msgspec.json.Decoder[Any]:
    """Return the cached decoder of a type. With `strict` off, it accepts numbers written as text."""
    decoder = _decoders.get((type_, strict))
    if decoder is None:
        decoder = _decoders[type_, strict] = msgspec.json.Decoder(type_, strict=strict)
    return decoder


def encode_body(operation: str, body: object, type_: Any, *, validate: bool = True) -> SecretBytes:
    """Encode a request body, which is a Struct or a mapping of the same shape.

    The encoded bytes are checked against the type in the specification: limits, required and misspelt members, enum
    values. A mapping is then encoded from the decoded value, so that a Struct and a mapping give the same bytes.
    With `validate` off, the body is only encoded. Raises InvalidRequest, without a value of the body.
    """
    raw, defect = _encode(body)
    is_mapping = isinstance(body, Mapping)
    del body  # a traceback may show the locals
    if defect:
        reason = f"the body cannot be written as JSON: {defect}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, reason=reason)
    if not validate:
        return raw
    checked = _validate(operation, raw, type_)
    return SecretBytes(_encoder.encode(checked)) if is_mapping else raw


def _encode(body: object) -> tuple[SecretBytes, str]:
    """Return a body as JSON and an empty text, or nothing and the reason why it cannot be encoded."""
    try:
        return SecretBytes(_encoder.encode(body)), ""
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return SecretBytes(), sanitize(str(error))


def encode_form(operation: str, body: bytes) -> SecretBytes:
    """Convert an encoded JSON object of text members to `application/x-www-form-urlencoded`."""
    try:
        members = msgspec.json.decode(body, type=dict[str, str])
        return SecretBytes(urlencode(members).encode("ascii"))
    except msgspec.ValidationError as error:
        path, reason = _explain(str(error), [], dict[str, str])
    raise InvalidRequest(f"{operation}: {path}: {reason}", operation=operation, path=path, reason=reason)


def _validate(operation: str, raw: SecretBytes, type_: Any) -> object:
    with known_values_only() as refused:
        try:
            return _decoder(type_, strict=True).decode(raw)
        except msgspec.ValidationError as error:
            path, reason = _explain(str(error), refused, type_)
    # Raised outside the handler: the cause would carry the offending value into tracebacks.
    raise InvalidRequest(f"{operation}: {path}: {reason}", operation=operation, path=path, reason=reason)


def _explain(message: str, refused: list[type[OpenEnum]], type_: Any) -> tuple[str, str]:
    """Split a validation message of msgspec into JSON path and reason, without the value that some of them quote."""
    match = _VALIDATION_MESSAGE.match(message)
    assert match is not None
    what, path = match["what"], match["path"] or "$"
    if what.startswith("Invalid enum value") and refused:
        what = f"must be one of {', '.join(refused[-1])}"
    elif what.startswith("Invalid value"):
        tags = _tags(type_, path)
        what = f"must be one of {', '.join(tags)}" if tags else "is not a known variant"
    else:
        what = sanitize(what)  # it may quote the name of an unknown member, which can be any text
    return scrub(path), what


def _tags(type_: Any, path: str) -> list[str]:
    """Return the tags that are allowed at the JSON path of a tag."""
    options = _union_types(type_)
    for step in _PATH_STEP.findall(path)[:-1]:
        inner = (_step_into(option, step) for option in options)
        options = tuple(alternative for member in inner for alternative in _union_types(member))
    structs = (each for each in options if isinstance(each, type) and issubclass(each, msgspec.Struct))
    return [str(each.__struct_config__.tag) for each in structs if each.__struct_config__.tag is not None]


def _step_into(type_: Any, step: str) -> Any:
    """Return the type one path step down: that of a Struct's member, or of the items of a list or map."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return next((each.type for each in msgspec.structs.fields(type_) if f".{each.encode_name}" == step), NoneType)
    return get_args(type_)[-1] if get_origin(type_) in {list, dict} else NoneType


def decode(type_: type[T], body: bytes) -> tuple[T, tuple[str, ...]]:
    """Decode a reply. Return its value and the JSON paths of the members that were ignored.

    Raises DecodeError if the reply is not JSON, is not of the expected kind, or lacks a required member.
    """
    ignored: list[str] = []
    value = _decode_or_salvage(type_, body.removeprefix(codecs.BOM_UTF8), ignored)  # RFC 8259 section 8.1
    if isinstance(value, ResponseModel):
        vars(value)["raw"] = body
    return value, tuple(ignored)


def _decode_or_salvage(type_: type[T], body: bytes, ignored: list[str]) -> T:
    try:
        return cast("T", _decoder(type_, strict=False).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(_salvage(_parse_leniently(body), type_, "$", ignored), type_, strict=False)
    except msgspec.ValidationError as error:
        path, reason = _explain(str(error), [], type_)
        defect = f"{path}: {reason}"
    except (ValueError, RecursionError):
        defect = "it is not valid JSON" if body else "it is empty"
    # Raised outside the handlers: the context would carry values of the reply into tracebacks.
    raise DecodeError(defect)


def _parse_leniently(body: bytes) -> Any:
    """Parse JSON that RFC 8259 allows but msgspec refuses: lone surrogates, numbers of any size."""
    return _replace_surrogates(json.loads(body.decode("utf-8"), parse_int=_parse_int, parse_constant=_reject_constant))


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= 20 else float(digits)


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
        for other in _other_forms(value, _union_types(type_)):
            with suppress(msgspec.ValidationError):
                msgspec.convert(other, type_, strict=False)
                return other
        kind: type[object] = value.__class__
        salvage = _SALVAGERS.get(kind)
        if salvage is None:
            raise
        return salvage(value, type_, path, ignored)
    return value


def _other_forms(value: Any, union: tuple[Any, ...]) -> Iterator[Any]:
    """Yield the value as it would be in another type, where the API writes one type as another."""
    types = tuple(get_args(each)[0] if get_origin(each) is Annotated else each for each in union)
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
    if any(get_origin(option) is list for option in _union_types(type_)):
        return _salvage_array([value], type_, path, ignored)  # the API writes some one-item lists as the bare item
    kept = dict(value)
    for name, member_type, step in _known_members(type_, kept):
        here = f"{path}{step}"
        try:
            kept[name] = _salvage(kept[name], member_type, here, ignored)
        except msgspec.ValidationError:
            del kept[name]
            ignored.append(scrub(here))
    msgspec.convert(kept, type_, strict=False)
    return kept


def _salvage_array(value: list[Any], type_: Any, path: str, ignored: list[str]) -> list[Any]:
    kept: list[Any] = []
    for option in _union_types(type_):
        if get_origin(option) is not list:
            continue
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            try:
                kept.append(_salvage(item, get_args(option)[0], here, ignored))
            except msgspec.ValidationError:
                ignored.append(scrub(here))
        return kept
    msgspec.convert(value, type_, strict=False)
    return value


_SALVAGERS: dict[type, Callable[[Any, Any, str, list[str]], Any]] = {dict: _salvage_object, list: _salvage_array}


def _known_members(type_: Any, value: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return API name, type and path step of each member that the type knows, be it a Struct or a map.

    The names in a map are chosen by the merchant. They go into logs, so they are scrubbed and quoted.
    """
    found: list[tuple[str, Any, str]] = []
    for option in _union_types(type_):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            fields = msgspec.structs.fields(option)
            found += [(field.encode_name, field.type, f".{field.encode_name}") for field in fields]
        elif get_origin(option) is dict:
            found += [(name, get_args(option)[1], f"[{scrub(json.dumps(name))}]") for name in value]
    return [each for each in found if each[0] in value]


def _union_types(type_: Any) -> tuple[Any, ...]:
    """Return the types of a union except None, or a tuple of the type itself. Limits are removed."""
    if get_origin(type_) is Annotated:
        return _union_types(get_args(type_)[0])
    if get_origin(type_) in {Union, UnionType}:
        return tuple(option for option in get_args(type_) if option is not NoneType)
    return (type_,)
