"""The script that imports generated modules from a temporary folder and makes a decoder for each type and operation.

It runs in a process of its own: `python trial.py FOLDER PACKAGE`, where PACKAGE is the folder of checkout_async. If it
raises, the generated code cannot be used.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

GENERATED = "checkout_async._generated"


def main(folder: Path, package: Path) -> None:
    """Import every generated module in a folder as if it were in checkout_async, and try each operation."""
    # The package root imports operations by name, which another specification does not have, so it is left out.
    _add_package("checkout_async", package)
    _add_package(GENERATED, folder)
    for path in sorted(folder.rglob("*.py")):
        parts = [part for part in path.relative_to(folder).with_suffix("").parts if part != "__init__"]
        module = importlib.import_module(".".join([GENERATED, *parts]))
        for value in [*vars(module).values()]:
            if type(value).__name__ == "Operation":
                _try_operation(value)
            elif isinstance(value, type) and issubclass(value, msgspec.Struct):
                msgspec.json.Decoder(value)


def _add_package(name: str, folder: Path) -> None:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def _try_operation(operation: Any) -> None:
    bodies = [alternative.type for alternative in operation.alternatives] or [operation.request]
    for type_ in [*operation.responses.values(), *bodies]:
        if type_ is not None:
            msgspec.json.Decoder(type_)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
