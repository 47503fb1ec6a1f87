"""The operations of all APIs by name."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from checkout_async._core.wire import Operation
from checkout_async._generated import operations as generated

__all__ = ["all_operations", "find_operation"]


@cache
def all_operations() -> dict[str, Operation[Any]]:
    """Return the operations by name."""
    modules = (import_module(f"checkout_async._generated.operations.{name}") for name in generated.__all__)
    return {each.name: each for module in modules for each in _operations_in(module)}


def find_operation(name: str) -> Operation[Any]:
    """Return an operation. Raises ValueError for one that does not exist, and suggests one that does."""
    known = all_operations()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"there is no operation {name!r}; {hint}")
    return known[name]


def _operations_in(module: ModuleType) -> Iterator[Operation[Any]]:
    for value in vars(module).values():
        if isinstance(value, Operation):
            yield value
