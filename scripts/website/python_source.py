"""Writes values as the Python source that makes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

import msgspec

from checkout_async._core.model import UNSET, OpenEnum
from scripts.website.specification import is_list, is_object

WIDTH: Final = 88


def source(value: Any, module: str, indent: int = 0, taken: int = 0) -> str:
    """Return the source of a value. Structs and enums are named in a module; `taken` columns stand before it."""
    if isinstance(value, msgspec.Struct):
        return _call(f"{module}.{type(value).__name__}(", _arguments(value, module, indent), ")", indent, taken)
    if is_object(value):
        items = [f"{source(key, module)}: {source(item, module, indent + 4)}" for key, item in value.items()]
        return _call("{", items, "}", indent, taken)
    if is_list(value):
        return _call("[", [source(item, module, indent + 4) for item in value], "]", indent, taken)
    return _scalar(value, module)


def imports(text: str) -> str:
    """Return the imports that a source needs beside that of the models."""
    names = [name for name in ("date", "datetime", "timezone") if f"{name}(" in text or f"{name}." in text]
    return f"from datetime import {', '.join(names)}\n\n" if names else ""


def _arguments(value: msgspec.Struct, module: str, indent: int) -> Iterable[str]:
    for field in msgspec.structs.fields(value):
        item = getattr(value, field.name)
        if item is not UNSET and (field.required or item != field.default):
            before = f"{field.name}="
            yield before + source(item, module, indent + 4, len(before))


def _call(opening: str, items: Iterable[str], closing: str, indent: int, taken: int) -> str:
    items = list(items)
    inline = f"{opening}{', '.join(items)}{closing}"
    if "\n" not in inline and indent + taken + len(inline) < WIDTH:
        return inline
    margin = " " * (indent + 4)
    return opening + "".join(f"\n{margin}{item}," for item in items) + f"\n{' ' * indent}{closing}"


def _scalar(value: Any, module: str) -> str:
    if isinstance(value, OpenEnum) and value.is_known:
        return f"{module}.{type(value).__name__}.{value.name}"
    if isinstance(value, datetime):
        digits = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
        while digits[-1] == 0 and len(digits) > 3:
            digits.pop()
        return f"datetime({', '.join(map(str, digits))}, tzinfo=timezone.utc)"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, str):
        plain = str(value)
        return f'"{plain}"' if plain.isprintable() and not set('"\\') & set(plain) else repr(plain)
    return repr(value)
