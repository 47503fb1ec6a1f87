"""Hypothesis strategies for generated types: any value that a type's own limits allow."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

__all__ = ["values"]


@cache
def values(type_: type) -> st.SearchStrategy[Any]:
    """Return a strategy of any value of a generated type."""
    return _of(inspect.type_info(type_))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.Metadata(type=inner):
            return _of(inner)
        case inspect.StructType(cls=cls):
            return st.deferred(lambda: _struct(cls))
        case inspect.EnumType(cls=enum):
            return st.sampled_from(list(enum))
        case inspect.ListType(item_type=item):
            return st.lists(_of(item), min_size=info.min_length or 0, max_size=min(info.max_length or 3, 3))
        case inspect.DictType(value_type=value):
            return st.dictionaries(st.text(max_size=5), _of(value), max_size=min(info.max_length or 3, 3))
        case inspect.UnionType(types=types):
            return st.one_of([_of(option) for option in types])
        case _:
            return _scalar(info)


def _scalar(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StrType():
            return _text(info)
        case inspect.IntType(ge=low, le=high):
            return st.integers(-(2**53) if low is None else low, 2**53 if high is None else high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.NoneType():
            return st.none()  # the same as leaving the member out
        case inspect.BoolType():
            return st.booleans()
        case inspect.DateTimeType():
            # The wire knows whole microseconds and UTC.
            return st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
        case inspect.DateType():
            return st.dates()
        case _:
            raise NotImplementedError(f"no strategy for {type(info).__name__}")


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    if info.pattern is None:
        alphabet = st.characters(codec="utf-8")
        return st.text(alphabet, min_size=info.min_length or 0, max_size=info.max_length or (info.min_length or 0) + 5)
    low, high = info.min_length or 0, info.max_length or 10**6
    return st.from_regex(info.pattern).filter(lambda text: low <= len(text) <= high)


@cache
def _struct(cls: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Return a strategy of a Struct: all it requires, and few of its optional members, or examples would be huge."""
    fields = {field.name: field for field in cast("inspect.StructType", inspect.type_info(cls)).fields}
    required = {name: _of(field.type) for name, field in fields.items() if field.required}
    optional = {name: _of(field.type) for name, field in fields.items() if not field.required}
    some = st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=4) if optional else st.just([])
    chosen = some.flatmap(lambda names: st.fixed_dictionaries({name: optional[name] for name in names}))

    def built(must: dict[str, Any], may: dict[str, Any]) -> msgspec.Struct:
        return cls(**must, **may)

    return st.builds(built, st.fixed_dictionaries(required), chosen)
