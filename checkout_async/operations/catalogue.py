"""The operations of all APIs by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from checkout_async._core.wire import ApiRequest, Operation
from checkout_async._generated import operations as generated

__all__ = ["all_operations", "builder_of", "find_operation"]


@cache
def all_operations() -> dict[str, Operation[Any]]:
    """Return the operations by name."""
    return {each.name: each for module in _modules() for each in _operations_in(module)}


def find_operation(name: str) -> Operation[Any]:
    """Return an operation. Raises ValueError for one that does not exist, and suggests one that does."""
    known = all_operations()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"there is no operation {name!r}; {hint}")
    return known[name]


def builder_of(operation: Operation[Any]) -> Callable[..., ApiRequest[Any]]:
    """Return the function that builds the request of an operation: `operations.payments.build_get_payment`."""
    name = f"build_{operation.name}"
    found: Callable[..., ApiRequest[Any]] = next(vars(each)[name] for each in _modules() if name in vars(each))
    return found


def _operations_in(module: ModuleType) -> Iterator[Operation[Any]]:
    for value in vars(module).values():
        if isinstance(value, Operation):
            yield value


def _modules() -> list[ModuleType]:
    return [import_module(f"checkout_async._generated.operations.{name}") for name in generated.__all__]
