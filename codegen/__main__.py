"""The command `python -m codegen`: generates the package from openapi/, and says what a change of it means.

`check` (or `--check`) compiles in memory, compares with the files on disk and prints a diff. It and `generate` end at
once if nothing has changed since the last run that went well. `accept` writes what the package promises now to
openapi/contract.json, which `check` compares too. `diff OLD NEW` says what the changes between two versions mean for a
caller; its exit code is 2 if one is silent, 1 if one is breaking, and else 0. `compare` holds a document of others
against the fragments, `adopt` drafts fragments from it, and `lint` asks what a reviewer would ask. `--count` prints the
size of each API and the number of variants of each union.
"""

from __future__ import annotations

import argparse
import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from codegen.commands import TASKS
from codegen.compiler import FRAGMENTS, Compiled, compile_all, compile_document
from codegen.contract import ACCEPTED, diff_contract, read_contract
from codegen.count import count_document
from codegen.diagnostics import CompilerError, SpecificationError
from codegen.record import is_verified, record
from codegen.write import diff_tree, write_tree

_REPORT: Final = (
    "this is a fault of the compiler in codegen/. Undo your last change of openapi/ to go on, and report it with that "
    "change"
)
_HERE: Final = Path(__file__).parent
_NOT_ACCEPTED: Final = (
    f"what the package promises is not what {FRAGMENTS}/contract.json says: read the difference, and accept it with "
    "`python -m codegen accept`"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler.

    Return 0, or 1 if the fragments have problems or `--check` found differences, or 2 if the compiler or the disk is at
    fault.
    """
    options = _parse_arguments(arguments)
    try:
        return _task(options)(options)
    except SpecificationError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"found {count} problem{'s' if count > 1 else ''}; {_written(options)}", file=sys.stderr)
        return 1
    except CompilerError as error:
        print(f"{error}\n{_written(options)}: {_REPORT}", file=sys.stderr)
    except OSError as error:
        state = _written(options) if options.corrected else "the files are as they were"
        print(f"{error.filename}: {error.strerror or error}; {state}", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - whatever the compiler did not expect
        print(f"{_describe_crash(error)}\n{_written(options)}: {_REPORT}", file=sys.stderr)
    return 2


def _written(options: argparse.Namespace) -> str:
    """Return what a run that failed has written: `lint --fix` corrects what it can, and leaves the rest."""
    return "nothing but the corrections was written" if options.corrected else "nothing was written"


def _task(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    if options.count:
        return _count
    if options.check:
        return _check
    return {**TASKS, "check": _check, "generate": _generate}[options.task]


def _count(options: argparse.Namespace) -> int:
    print(count_document(compile_document(options.root / FRAGMENTS)))
    return 0


def _check(options: argparse.Namespace) -> int:
    if is_verified(options.root, options.output):
        return 0
    compiled = compile_all(options.root)
    difference = diff_tree(options.output, compiled.files)
    print(difference, end="")
    if difference:
        print("the generated files do not match openapi/: run `make generate`", file=sys.stderr)
    unaccepted = _unaccepted(options.root, compiled)
    print(unaccepted, end="")
    if unaccepted:
        print(_NOT_ACCEPTED, file=sys.stderr)
    if difference or unaccepted:
        return 1
    record(options.root, options.output)
    return 0


def _generate(options: argparse.Namespace) -> int:
    if is_verified(options.root, options.output):
        return 0
    compiled = compile_all(options.root)
    write_tree(options.output, compiled.files)
    if _unaccepted(options.root, compiled):
        print(_NOT_ACCEPTED, file=sys.stderr)
    else:
        record(options.root, options.output)
    return 0


def _unaccepted(root: Path, compiled: Compiled) -> str:
    """Return the difference from what was accepted; empty if there is none, or if nothing was ever accepted."""
    accepted = read_contract(root / FRAGMENTS)
    if accepted is None:
        return ""
    return diff_contract(accepted, {**compiled.contract, ACCEPTED: accepted.get(ACCEPTED, [])})


def _describe_crash(error: Exception) -> str:
    """Return where in the compiler an unexpected error came from, and what it is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_HERE)] or frames
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(own[-3:]))
    return f"{type(error).__name__} in {places}: {error}"


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m codegen", description="Generate the package from openapi/.")
    parser.add_argument(
        "task",
        nargs="?",
        choices=("generate", "check", *TASKS),
        default="generate",
        help="what to do",
    )
    parser.add_argument(
        "versions", nargs="*", help="with diff: two folders that contain openapi/, bundles, or git revisions"
    )
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="of a diff")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--check", action="store_true", help="compare with the files on disk; write no generated file")
    task.add_argument("--count", action="store_true", help="print how much the fragments describe; write nothing")
    parser.add_argument("--why", help="with accept: why the change is accepted; contract.json keeps the text")
    parser.add_argument(
        "--fix", action="store_true", help="with lint: put keywords in order, mask what looks sensitive"
    )
    parser.add_argument("--operation", help="with adopt: an operationId, or a line such as 'POST /payments'")
    parser.add_argument("--schema", help="with adopt: the name of a schema in the document")
    parser.add_argument("--field", help="with adopt: a member of a schema in the document, as Schema.member")
    parser.add_argument("--into", help="with adopt: the tag of the API that it belongs to (default: the first)")
    parser.add_argument("--write", action="store_true", help="with adopt: write new files; existing ones are kept")
    parser.add_argument("--all", action="store_true", help="with compare: also what decisions settle")
    parser.add_argument("--since", help="with accept: the version since which changes are accepted, as for diff")
    parser.add_argument("--root", type=_folder, default=_HERE.parent, help="the folder that contains openapi/")
    parser.add_argument("--output", type=_folder, help="the folder to write to or compare with (default: the root)")
    options = parser.parse_args(arguments)
    options.output = options.output or options.root
    options.corrected = []
    return options


def _folder(path: str) -> Path:
    return Path(path).resolve()


if __name__ == "__main__":
    gc.disable()  # a run is short and makes a million objects, and the collector took a sixth of its time
    sys.exit(main())
