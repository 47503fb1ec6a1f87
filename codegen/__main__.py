"""`python -m codegen` generates; `--check` regenerates elsewhere and compares; `--count` says how much there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from codegen.compiler import FRAGMENTS, compile_document, compile_files
from codegen.count import counted
from codegen.diagnostics import SpecificationError
from codegen.write import differences, write_tree


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler. Returns 0, or 1 if the fragments have problems or the comparison found differences."""
    options = _options(arguments)
    root: Path = options.root.resolve()
    output: Path = (options.output or root).resolve()
    try:
        if options.count:
            print(counted(compile_document(root / FRAGMENTS)))
            return 0
        files = compile_files(root)
    except SpecificationError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"{count} problem{'s' if count > 1 else ''}; nothing was written", file=sys.stderr)
        return 1
    if not options.check:
        write_tree(output, files)
        return 0
    difference = differences(output, files)
    print(difference, end="")
    if difference:
        print("the generated files are not what openapi/ gives: run `make generate`", file=sys.stderr)
    return 1 if difference else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m codegen", description="Compile openapi/ into the package.")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--check", action="store_true", help="compare with what is there instead of writing")
    task.add_argument("--count", action="store_true", help="count what the fragments describe instead of writing")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="where openapi/ lies")
    parser.add_argument("--output", type=Path, help="where to write or compare (default: the root)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
