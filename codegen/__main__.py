"""The command `python -m codegen`: generates the package from openapi/.

`--check` compiles in memory, compares with the files on disk and prints a diff. Either ends at once if nothing has
changed since the last run that went well. `--count` prints two tables: the size
of each API, and the number of variants of each union.
"""

from __future__ import annotations

import argparse
import gc
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from codegen.compiler import FRAGMENTS, compile_document, compile_files
from codegen.diagnostics import CompilerError, SpecificationError
from codegen.document import Object
from codegen.parse import api_name
from codegen.passes.directions import find_directions
from codegen.passes.unions import alternatives, is_alternatives, is_union, variants
from codegen.passes.walk import calls, module_of, schemas
from codegen.record import is_verified, record
from codegen.write import diff_tree, write_tree

_REPORT: Final = (
    "this is a fault of the compiler in codegen/. Undo your last change of openapi/ to go on, and report it with that "
    "change"
)
_HERE: Final = Path(__file__).parent
_COLUMNS: Final = ("operations", "schemas", "objects", "enums", "unions", "properties", "enum values")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler.

    Return 0, or 1 if the fragments have problems or `--check` found differences, or 2 if the compiler or the disk is at
    fault.
    """
    options = _parse_arguments(arguments)
    root: Path = options.root.resolve()
    output: Path = (options.output or root).resolve()
    try:
        if options.count:
            print(count_document(compile_document(root / FRAGMENTS)))
            return 0
        if is_verified(root, output):
            return 0
        files = compile_files(root)
    except SpecificationError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"found {count} problem{'s' if count > 1 else ''}; nothing was written", file=sys.stderr)
        return 1
    except CompilerError as error:
        print(f"{error}\nnothing was written: {_REPORT}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or root}: {error.strerror or error}; nothing was written", file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 - whatever the compiler did not expect
        print(f"{_describe_crash(error)}\nnothing was written: {_REPORT}", file=sys.stderr)
        return 2
    if not options.check:
        return _write(root, output, files)
    difference = diff_tree(output, files)
    print(difference, end="")
    if difference:
        print("the generated files do not match openapi/: run `make generate`", file=sys.stderr)
        return 1
    record(root, output)
    return 0


def _describe_crash(error: Exception) -> str:
    """Return where in the compiler an unexpected error came from, and what it is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_HERE)] or frames
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(own[-3:]))
    return f"{type(error).__name__} in {places}: {error}"


def _write(root: Path, output: Path, files: Mapping[str, bytes]) -> int:
    try:
        write_tree(output, files)
        record(root, output)
    except OSError as error:
        print(f"{error.filename or output}: {error.strerror or error}; the files are as they were", file=sys.stderr)
        return 2
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m codegen", description="Generate the package from openapi/.")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--check", action="store_true", help="compare with the files on disk; write nothing")
    task.add_argument("--count", action="store_true", help="print how much the fragments describe; write nothing")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).parents[1], help="the folder that contains openapi/"
    )
    parser.add_argument("--output", type=Path, help="the folder to write to or compare with (default: the root)")
    return parser.parse_args(arguments)


def count_document(document: Object) -> str:
    """Return the counts of a bundled document as two tables."""
    counts: dict[str, Counter[str]] = {}
    for call in calls(document.object("paths")):
        counts.setdefault(api_name(call.operation.texts("tags")[0]), Counter())["operations"] += 1
    for _, schema in schemas(document).objects():
        counts.setdefault(module_of(schema), Counter()).update(_count_schema(schema))
    total = sum(counts.values(), Counter[str]())
    rows = [(name, *(str(row[column]) for column in _COLUMNS)) for name, row in [*counts.items(), ("all", total)]]
    return "\n".join([*_table([("", *_COLUMNS), *rows]), "", *_table([("union", "", "variants"), *_unions(document)])])


def _count_schema(schema: Object) -> dict[str, int]:
    kind = "enums" if "enum" in schema else "objects" if "properties" in schema else "unions"
    properties, values = len(schema.object("properties")), len(schema.array("enum"))
    return {"schemas": 1, kind: 1, "properties": properties, "enum values": values}


def _unions(document: Object) -> Iterable[tuple[str, ...]]:
    directions = find_directions(document)
    for name, schema in schemas(document).objects():
        if is_union(schema) or is_alternatives(schema):
            number = len(variants(schema) or alternatives(schema))
            ways = [
                way for way, names in (("sent", directions.sent), ("received", directions.received)) if name in names
            ]
            yield name, " and ".join(ways), str(number)


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])


if __name__ == "__main__":
    gc.disable()  # a run is short and makes a million objects, and the collector took a sixth of its time
    sys.exit(main())
