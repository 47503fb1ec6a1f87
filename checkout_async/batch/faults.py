"""All that is wrong with a record, in the words of a person who has the file open: row, column, what to write instead.

msgspec stops at the first mistake. So a request that it refuses is checked again member by member.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, cast, get_args, get_origin

import msgspec

from checkout_async._core.body import encode_body, strict_type
from checkout_async._core.model import fields_of, fold
from checkout_async._core.validation import union_types
from checkout_async.batch.flow import check_channel_data
from checkout_async.batch.formats import Format
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import ErrorInfo
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.words import plain
from checkout_async.config import Validation
from checkout_async.errors import InvalidRequest
from checkout_async.money import to_minor_units
from checkout_async.operations import sessions as operations
from checkout_async.redaction import sanitize

__all__ = ["RecordFault", "describe", "faults_of"]

_OPERATION: Final = operations.REQUEST_SESSION

_PRICE: Final = re.compile(r"(\d{1,9})[.,](\d{1,2})")
"""An amount that is not in the minor unit. It is short, so it cannot be a card number in the wrong column."""


@dataclass(frozen=True, slots=True)
class RecordFault:
    """A mistake in a record: the JSON path of the member, and what is wrong with it. Neither shows a secret."""

    path: str
    reason: str

    @property
    def column(self) -> str:
        """The name of the column in a table: `source.number` for `$.source.number`."""
        return self.path.removeprefix("$.").replace("[", ".").replace("]", "")


def describe(number: int, faults: Sequence[RecordFault], format_: Format) -> str:
    """Return where faults are and what they are, as in `row 12, column amount: ...` or `line 12, $.amount: ...`."""
    unit, is_table = ("line", False) if format_ is Format.JSONL else ("row", True)
    texts = [(f"column {each.column}: " if is_table else f"{each.path}: ") + each.reason for each in faults]
    texts = [each.reason if each.path == "$" else text for each, text in zip(faults, texts, strict=True)]
    return f"{unit} {number}{':' if faults[0].path == '$' else ','} {'; '.join(texts)}"


def faults_of(
    item: Record | InvalidRecord, options: BatchOptions, error: ErrorInfo | None = None
) -> Sequence[RecordFault]:
    """Return all faults of a record, and the `error` that a journal or the API found."""
    if isinstance(item, InvalidRecord):
        return [RecordFault(item.path or "$", item.reason)]
    found = [*_faults_of_request(item.request, options)]
    if error is not None and (not found or error.path == "$.reference"):
        found.append(RecordFault(error.path or "$", error.message))
    return found


def _faults_of_request(request: object, options: BatchOptions) -> Iterator[RecordFault]:
    level = options.validate or "shape"
    type_ = strict_type(_OPERATION.request) if level == "strict" else _OPERATION.request
    for fault, value in _faults(request, type_, "$", "off" if level == "off" else "shape"):
        yield RecordFault(fault.path, _in_words(fault, value, request))
    try:
        check_channel_data(cast("Mapping[str, object]", request), options.channel_data)
    except InvalidRequest as error:
        yield RecordFault(error.path, error.reason)


def _faults(value: object, type_: Any, path: str, level: Validation) -> Iterator[tuple[RecordFault, object]]:
    """Yield each fault with the value that has it. A value that has members is looked at member by member."""
    first = _first_fault(value, type_, path, level)
    if first is None:
        return
    found = [] if level == "off" else [*_faults_inside(value, type_, path)]
    yield from found or [(first, value)]


def _first_fault(value: object, type_: Any, path: str, level: Validation) -> RecordFault | None:
    try:
        encode_body(_OPERATION.name, value, type_, validate=level)
    except InvalidRequest as error:
        return RecordFault(path + error.path.removeprefix("$"), error.reason)
    return None


def _faults_inside(value: object, type_: Any, path: str) -> Iterator[tuple[RecordFault, object]]:
    if isinstance(value, list):
        items = next((get_args(each)[0] for each in union_types(type_) if get_origin(each) is list), NoneType)
        for number, item in enumerate(cast("list[object]", value) if items is not NoneType else ()):
            yield from _faults(item, items, f"{path}[{number}]", "shape")
    elif isinstance(value, dict) and (struct := _variant(cast("dict[str, object]", value), type_)) is not None:
        yield from _faults_of_members(cast("dict[str, object]", value), struct, path)


def _faults_of_members(
    members: Mapping[str, object], struct: type[msgspec.Struct], path: str
) -> Iterator[tuple[RecordFault, object]]:
    tag = struct.__struct_config__.tag_field
    fields = {each.encode_name: each for each in fields_of(struct)}
    for name, value in members.items():
        if (field := fields.get(name)) is not None:
            yield from _faults(value, field.type, f"{path}.{name}", "shape")
        elif name != tag:
            # On its own, for the hint at the name that is meant.
            tagged = {tag: struct.__struct_config__.tag, name: value} if tag else {name: value}
            if (unknown := _first_fault(tagged, struct, path, "shape")) is not None:
                yield RecordFault(f"{path}.{sanitize(name)}", unknown.reason), value
    for name, field in fields.items():
        if field.required and name not in members:
            yield RecordFault(f"{path}.{name}", "missing"), None


def _variant(members: Mapping[str, object], type_: Any) -> type[msgspec.Struct] | None:
    """Return the Struct that an object is to be; None if its tag names none."""
    structs = [each for each in union_types(type_) if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    if len(structs) == 1 and structs[0].__struct_config__.tag is None:
        return structs[0]
    return next((each for each in structs if fold(str(each.__struct_config__.tag)) == _tag(members, each)), None)


def _tag(members: Mapping[str, object], struct: type[msgspec.Struct]) -> str:
    return fold(str(members.get(str(struct.__struct_config__.tag_field))))


def _in_words(fault: RecordFault, value: object, request: object) -> str:
    if fault.reason == "Expected `int`, got `str`" or fault.reason.startswith("Expected `int`, got `float`"):
        price = _PRICE.fullmatch(str(value)) if fault.path.endswith(".amount") else None
        if price is not None:
            return f"{price[0]} is not a whole number of minor units{_guess(price, request)}"
    return plain(fault.reason)


def _guess(price: re.Match[str], request: object) -> str:
    """Return the amount that is probably meant; nothing for a currency that has no such amounts."""
    currency = cast("Mapping[str, object]", request).get("currency") if isinstance(request, Mapping) else None
    try:
        return f"; {to_minor_units(f'{price[1]}.{price[2]}', cast('str', currency))}?"
    except InvalidRequest:
        return ""
