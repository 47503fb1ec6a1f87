"""Every way into the package: the public functions, constructors and methods that a caller can give a secret to.

They are found by inspection: what a module lists in `__all__`, the public methods of each class among it, and the
resource classes of a client. Whatever is added to the package is walked the next time.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, cast

import checkout_async
from checkout_async import CheckoutClient

__all__ = ["NOT_SECRET", "NOT_WALKED", "Door", "all_parameters", "doors", "exemption"]

# Modules that are not walked, by the beginning of their names, with the reason.
NOT_WALKED = {
    "transport": "takes messages that the core has wrapped; test_calls.py walks it with real faults",
    "cli": "commands; they catch every error and print its text",
    "errors.": "is below the public names of `errors`, which are walked",
    "batch.": "is below the public names of `batch`, which are walked",
    "sandbox": "the simulator: its keys and cards are made up, and it imports nothing of the client",
    "testing": "stands in for the network in tests, whose keys and cards are made up",
    "redaction": "the masks themselves",
    "files": "takes paths",
    "clock": "takes times",
}

# Parameters that are shown on purpose, as patterns of door and parameter, with the reason.
NOT_SECRET = {
    "*:payment_id": "an id, which support asks for",
    "*:session_id": "an id, which support asks for",
    "*:reference": "the merchant's own number, which must contain nothing sensitive",
    "*:channel": "one of a few words",
    "*:name": "names the value in error texts",
    "*:place": "names the place of the value in log texts",
    "*:host": "the host name of the token endpoint, which error texts name",
    "*:needed_by": "names the class in error texts",
    "*:account": "names the account in the keys in Redis",
    "*:prefix": "begins the keys in Redis",
    "limits.*:kind": "reads or writes",
    "batch.ErrorInfo.of:advice": "a fixed text",
    "*:warn": "a function that shows a text",
    "runtime.by_link:follow": "a function",
    "runtime.*:module": "the name of a module",
    "runtime.*:package": "the name of a package",
    "runtime.*:message": "a fixed text of generated code",
    "*:directory": "a path",
    "*:path": "a path",
    "batch.run_file:[ioj]*": "a path",
    "*:scopes": "names of permissions",
    "*:trusted_proxies": "a setting, which the error text quotes",
    "*Store.*:key": "a hash of access key, endpoint and scopes",
    "auth.shared_token.*:*": "called by the token cache alone, with wrapped values",
    "errors.*:[!bhv]*": "texts that were scrubbed when the error was made",
}

# A TypedDict is a mapping, and the alias of an enum a text.
_TAKES_CONTENT = re.compile(r"\b(?:str|bytes|Mapping|dict|object|Any|RequestHeaders|PathLike|\w+Dict|\w+Like)\b")


@dataclass(frozen=True)
class Door:
    """A callable of the public API; `owner` is its class if it is a method."""

    name: str
    call: Callable[..., Any]
    owner: type | None = None

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters that a caller passes by name or place."""
        found = dict(_signature(self.call).parameters)
        if self.owner is not None:
            found.pop("self")
        kinds = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        return {name: each for name, each in found.items() if each.kind not in kinds}

    @property
    def contents(self) -> list[str]:
        """The names of the parameters that can hold text, bytes or a mapping that may be secret."""
        return [name for name in self.takes_content if exemption(self.name, name) is None]

    @property
    def takes_content(self) -> list[str]:
        """The names of the parameters that can hold text, bytes or a mapping."""
        return [name for name, each in self.parameters.items() if _TAKES_CONTENT.search(str(each.annotation))]


def exemption(door: str, parameter: str) -> str | None:
    """Return the pattern by which a parameter is shown on purpose, or None."""
    return next((pattern for pattern in NOT_SECRET if fnmatchcase(f"{door}:{parameter}", pattern)), None)


def doors() -> list[Door]:
    """Return every public callable with a parameter that can hold a secret."""
    found = {door.call: door for door in _all_doors()}
    return sorted((door for door in found.values() if door.contents), key=lambda door: door.name)


def all_parameters() -> list[tuple[str, str]]:
    """Return the names of every door and parameter that can hold content, shown on purpose or not."""
    return [(door.name, name) for door in _all_doors() for name in door.takes_content]


def _signature(call: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(call)
    except ValueError:  # a class with the constructor of Exception
        return inspect.signature(_takes_text)


def _takes_text(message: str, /) -> None: ...


def _all_doors() -> Iterator[Door]:
    for name, module in _modules():
        for public in module.__all__:
            value = getattr(module, public)
            if inspect.isfunction(value):
                yield Door(f"{name}.{public}", value)
            elif inspect.isclass(value) and not issubclass(value, Enum):
                yield from _doors_of(f"{name}.{public}", value)
    for name, attribute in inspect.getmembers_static(CheckoutClient):
        if isinstance(attribute, cached_property):
            resource = cast("Callable[[object], object]", attribute.func)(None)
            yield from _doors_of(f"client.{name}", type(resource))


def _modules() -> Iterator[tuple[str, Any]]:
    """Yield the public modules with their names inside the package, with those of the operations of each API."""
    yield "checkout_async", checkout_async
    for found in pkgutil.walk_packages(checkout_async.__path__, "checkout_async."):
        name = found.name.removeprefix("checkout_async.")
        if not name.startswith("_") and "._" not in name and not name.startswith(tuple(NOT_WALKED)):
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield name, module
    names: list[str] = vars(checkout_async.operations)["__all__"]
    for public in names:
        if inspect.ismodule(module := getattr(checkout_async.operations, public)):
            yield f"operations.{public}", module


def _doors_of(name: str, owner: type) -> Iterator[Door]:
    """Yield the constructor of a class and its public methods. Nobody calls that of a protocol or a metaclass."""
    if getattr(owner, "_is_protocol", False) or type in owner.__mro__:
        return
    yield Door(name, owner)
    members: Sequence[tuple[str, Any]] = inspect.getmembers(owner, inspect.isroutine)
    for method, value in members:
        # Since Python 3.14 a `cached_property` counts as a routine.
        ours = str(getattr(value, "__module__", "")).startswith("checkout_async") and not method.startswith("_")
        if ours and callable(value):
            yield Door(f"{name}.{method}", value, None if inspect.ismethod(value) else owner)
