"""Every way into the package: the public functions, constructors and methods that a caller can give a secret to.

They are found by inspection: a module's `__all__`, the public methods of each class in it, and the resource classes
that a client makes. Whatever is added to the package is walked the next time.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, cast

import checkout_async
from checkout_async import CheckoutClient

__all__ = ["EXEMPT", "Door", "doors"]

# Prefixes of modules and names that are not walked, each with the reason.
EXEMPT = {
    "checkout_async.transport": "takes messages of the core, wrapped already; test_calls.py walks it with real faults",
    "checkout_async.cli": "commands: their arguments come from the shell, and they catch every error",
    "checkout_async.batch.": "below the public names of checkout_async.batch, which are walked",
    "checkout_async.files": "writes files by their paths",
    "checkout_async.clock": "tells the time",
    "checkout_async.sandbox": "a stand-in for the API with made-up keys; nobody's secrets are given to it",
}

_TAKES_CONTENT = re.compile(r"\b(?:str|bytes|Mapping|dict|object|Any|RequestHeaders|Headers|PathLike)\b")


@dataclass(frozen=True)
class Door:
    """A callable of the public API, with its class if it is a method."""

    name: str
    call: Callable[..., Any]
    owner: type | None = None

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters that a caller passes."""
        try:
            found = dict(inspect.signature(self.call).parameters)
        except ValueError:  # an error with the constructor of Exception
            found = dict(inspect.signature(_takes_text).parameters)
        if self.owner is not None:
            found.pop("self", None)
        return found

    @property
    def contents(self) -> list[str]:
        """The names of the parameters that can hold text, bytes or a mapping."""
        return [name for name, each in self.parameters.items() if _TAKES_CONTENT.search(str(each.annotation))]


def _takes_text(message: str, /) -> None: ...


def doors() -> list[Door]:
    """Return every public callable with a parameter that can hold a secret."""
    found = {door.call: door for door in _all_doors()}
    return sorted((door for door in found.values() if door.contents), key=lambda door: door.name)


def _all_doors() -> Iterator[Door]:
    for module in _modules():
        for public in module.__all__:
            value = getattr(module, public)
            name = f"{module.__name__.removeprefix('checkout_async.')}.{public}"
            if inspect.isfunction(value):
                yield Door(name, value)
            elif inspect.isclass(value) and not issubclass(value, Enum):
                yield from _doors_of(name, value)
    for name, attribute in vars(CheckoutClient).items():
        if isinstance(attribute, cached_property):
            resource = type(cast("Any", attribute).func(None))
            yield from _doors_of(f"client.{name}", resource)


def _modules() -> Iterator[Any]:
    names = [
        "checkout_async",
        *(each.name for each in pkgutil.walk_packages(checkout_async.__path__, "checkout_async.")),
    ]
    names += [f"checkout_async.operations.{name}" for name in ("sessions", "payments")]
    for name in names:
        if "._" not in name and not any(name.startswith(prefix) for prefix in EXEMPT):
            module = (
                importlib.import_module(name)
                if "operations." not in name
                else getattr(checkout_async.operations, name.rpartition(".")[2])
            )
            if hasattr(module, "__all__"):
                yield module


def _doors_of(name: str, owner: type) -> Iterator[Door]:
    """Yield the constructor of a class and its public methods."""
    yield Door(name, owner)
    for method, value in inspect.getmembers(owner, inspect.isroutine):
        if not method.startswith("_") and str(getattr(value, "__module__", "")).startswith("checkout_async"):
            yield Door(f"{name}.{method}", value, None if inspect.ismethod(value) else owner)
