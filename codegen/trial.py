"""The script that imports generated modules from a temporary folder, and tries each type and operation.

Each type gets a decoder and an encoder: a value with all its members, and one with the required members only, is
written as JSON and as MessagePack.

It runs in a process of its own: `python trial.py FOLDER RUNTIME NAME`, where RUNTIME is the folder of checkout_async,
and NAME the name of the generated package. If it raises, the generated code cannot be used.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
from msgspec import inspect


def main(folder: Path, runtime: Path, name: str) -> None:
    """Import every generated module in a folder under the name of the package, and try each operation."""
    # The package root imports operations by name, which another specification does not have, so it is left out.
    _add_package("checkout_async", runtime)
    for count in range(1, name.count(".") + 1):
        parent = name.rsplit(".", count)[0]
        if parent not in sys.modules:
            _add_package(parent, folder.parents[count - 1])
    _add_package(name, folder)
    types: list[Any] = []
    for path in sorted(folder.rglob("*.py")):
        parts = [part for part in path.relative_to(folder).with_suffix("").parts if part != "__init__"]
        module = importlib.import_module(".".join([name, *parts]))
        for value in [*vars(module).values()]:
            if type(value).__name__ == "Operation":
                types += _types_of(value)
            elif isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
                types.append(value)
    try_types(types)


def _add_package(name: str, folder: Path) -> None:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def try_types(types: list[Any]) -> None:
    """Decode and encode values of types."""
    # All at once: at each call msgspec reads every type anew that these refer to.
    for type_, kind in zip(types, inspect.multi_type_info(types), strict=True):
        _try_type(type_, kind)


def _types_of(operation: Any) -> list[Any]:
    """Return the types of an operation's bodies: of its replies and its request."""
    bodies = [alternative.type for alternative in operation.alternatives] or [operation.request]
    return [type_ for type_ in (*operation.responses.values(), *bodies) if type_ is not None]


def _try_type(type_: Any, kind: inspect.Type) -> None:
    msgspec.json.Decoder(type_)
    msgspec.msgpack.Decoder(type_)
    for depth in (_DEPTH, 0):
        value = _sample(kind, depth)
        msgspec.json.encode(value)
        msgspec.msgpack.encode(value)


def _sample(kind: inspect.Type, depth: int) -> Any:
    """Return a value of a type, without regard to its limits. Optional members are left out below a depth."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.StructType):
        members = (member for member in kind.fields if member.required or depth > 0)
        return kind.cls(**{member.name: _sample(member.type, depth - 1) for member in members})
    if isinstance(kind, inspect.UnionType):
        return _sample(next(each for each in kind.types if not isinstance(each, inspect.NoneType)), depth)
    if isinstance(kind, inspect.ListType):
        return [_sample(kind.item_type, depth - 1)]
    if isinstance(kind, inspect.DictType):
        return {_sample(kind.key_type, depth): _sample(kind.value_type, depth - 1)}
    if isinstance(kind, inspect.EnumType):
        return next(iter(kind.cls))
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    return _SIMPLE[type(kind)]()


_DEPTH: Final = 3
_SIMPLE: Final[dict[type, Callable[[], object]]] = {
    inspect.AnyType: str,
    inspect.BoolType: bool,
    inspect.CustomType: str,
    inspect.DateTimeType: lambda: datetime.now(UTC),
    inspect.DateType: lambda: date(2000, 1, 1),
    inspect.FloatType: float,
    inspect.IntType: int,
    inspect.StrType: str,
}


if __name__ == "__main__":
    gc.disable()
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
