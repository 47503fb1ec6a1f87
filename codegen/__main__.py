"""The command `python -m codegen`: generates the package from openapi/, and says what a change of it means.

`check` (or `--check`) compiles in memory, compares with the files on disk and prints a diff. It and `generate` end at
once if nothing has changed since the last run that went well. `accept` writes what the package promises now to
openapi/contract.json, which `check` compares too. With `--package`, both are about a package of another name, which is
made of the fragments of any folder, and `lint` takes the same folders. `diff OLD NEW` says what the changes between two
versions mean for a caller; its exit code is 2 if one is silent, 1 if one is breaking, and else 0. `compare` holds a
document of others against the fragments, `adopt` drafts fragments from it, and `lint` asks what a reviewer would ask.
`--count` prints the size of each API and the number of variants of each union.
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
from codegen.compiler import FRAGMENTS, Compiled, check_fragments, compile_all, compile_document, compile_package
from codegen.contract import ACCEPTED, diff_contract, read_contract
from codegen.count import count_document
from codegen.diagnostics import CompilerError, SpecificationError
from codegen.lint import lint
from codegen.publish import publish
from codegen.record import is_verified, record
from codegen.target import COMMAND, COMPILER, IS_INSTALLED, Target, parse_package
from codegen.write import diff_tree, write_tree
from codegen.write_package import InTheWay, NotRestored, diff_package, write_package

_REPORT: Final = (
    "this is a fault of the compiler in codegen/. Undo your last change of openapi/ to go on, and report it with that "
    "change"
)
_NOT_ACCEPTED: Final = (
    f"what the package promises is not what {FRAGMENTS}/contract.json says: read the difference, and accept it with "
    f"`{COMMAND} accept`"
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
    except InTheWay as error:
        print(f"{error}\nnothing was written", file=sys.stderr)
        return 1
    except NotRestored as error:
        print(f"{error}\nthe package is not whole: make room on the disk, and run again", file=sys.stderr)
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
    if options.package:
        return {**TASKS, "check": _check_package, "generate": _generate_package}[options.task]
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


def _generate_package(options: argparse.Namespace) -> int:
    document = check_fragments(options.openapi, options.overlay)
    write_package(options.output, compile_package(options.package, publish(document)), options.package)
    if asked := lint(document, options.openapi, options.overlay):
        print("\n".join(map(str, asked)), file=sys.stderr)
        count = f"{len(asked)} question{'s' if len(asked) > 1 else ''}"
        print(
            f"the package is written. {count} of a reviewer are open: `{COMMAND} lint` asks them, too", file=sys.stderr
        )
    return 0


def _check_package(options: argparse.Namespace) -> int:
    files = compile_package(options.package, compile_document(options.openapi, options.overlay))
    difference = diff_package(options.output, files, options.package)
    print(difference, end="")
    if difference:
        print(f"the files of {options.package.package} are not what is generated: generate it again", file=sys.stderr)
    return 1 if difference else 0


def _unaccepted(root: Path, compiled: Compiled) -> str:
    """Return the difference from what was accepted; empty if there is none, or if nothing was ever accepted."""
    accepted = read_contract(root / FRAGMENTS)
    if accepted is None:
        return ""
    return diff_contract(accepted, {**compiled.contract, ACCEPTED: accepted.get(ACCEPTED, [])})


def _describe_crash(error: Exception) -> str:
    """Return where in the compiler an unexpected error came from, and what it is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(COMPILER)] or frames
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(own[-3:]))
    return f"{type(error).__name__} in {places}: {error}"


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate a package from OpenAPI fragments.")
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
    root = Path.cwd() if IS_INSTALLED else COMPILER.parent
    parser.add_argument("--root", type=_folder, default=root, help="the folder that contains openapi/")
    parser.add_argument("--output", type=_folder, help="the folder to write to or compare with (default: the root)")
    of = parser.add_argument_group("a package of another name, which runs on checkout_async")
    of.add_argument("--package", type=_target, help="its name, such as mylib; it is written to the current folder")
    of.add_argument("--openapi", type=_existing, help="the folder of its fragments (default: those of this version)")
    of.add_argument("--overlay", type=_existing, help="a folder with additions and corrections to the fragments")
    options = parser.parse_args(arguments)
    if options.package or (options.task == "lint" and (options.openapi or options.overlay)):
        _complete_package(parser, options)
    elif options.openapi or options.overlay:
        parser.error("--openapi and --overlay need --package, or the task lint")
    elif IS_INSTALLED and options.task in {"generate", "check"} and not options.count:
        parser.error("--package is missing: the name of the package to generate")
    options.output = options.output or options.root
    options.corrected = []
    return options


def _complete_package(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.check:
        options.task, options.check = "check", False
    if options.task not in {"generate", "check", "lint"} or options.count:
        parser.error("--package goes with generate, check and lint")
    if options.fix and options.overlay:
        parser.error("--fix corrects the fragments of one folder: leave --overlay out")
    options.openapi = options.openapi or COMPILER.parent / FRAGMENTS
    options.output = options.output or Path.cwd()


def _target(name: str) -> Target:
    try:
        return parse_package(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _existing(path: str) -> Path:
    folder = Path(path).resolve()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path}")
    return folder


def _folder(path: str) -> Path:
    return Path(path).resolve()


if __name__ == "__main__":
    gc.disable()  # a run is short and makes a million objects, and the collector took a sixth of its time
    sys.exit(main())
