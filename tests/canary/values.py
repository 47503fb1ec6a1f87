"""What tools that write values show of a value or an error of the package: loggers, printers and serializers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
from pydantic import TypeAdapter
from rich.pretty import pretty_repr
from sentry_sdk.serializer import serialize

__all__ = ["VALUE_TOOLS", "shown_by"]

_any: TypeAdapter[object] = TypeAdapter(object)

VALUE_TOOLS: dict[str, Callable[[Any], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value}",
    "rich": pretty_repr,
    "vars": vars,
    "dict": dict,
    "__getstate__": lambda value: value.__getstate__(),
    "json": lambda value: json.dumps(value, default=vars),
    "orjson": lambda value: orjson.dumps(value, default=vars),
    "pydantic": _any.dump_json,
    "pydantic to Python": _any.dump_python,
    "pydantic with vars": lambda value: _any.dump_json(value, fallback=vars),
    "sentry-sdk": serialize,
}


def shown_by(tool: str, value: object) -> str:
    """Return what a tool writes. If it refuses the value, return the text of its refusal."""
    try:
        shown = VALUE_TOOLS[tool](value)
    except Exception as refusal:  # noqa: BLE001 - each tool has its own
        shown = refusal
    return f"{shown!r} {shown}"
