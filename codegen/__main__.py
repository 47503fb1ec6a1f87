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
from collections.abc import Sequence
from pathlib import Path

from codegen.record import is_verified
from codegen.target import COMMAND, COMPILER, FRAGMENTS, IS_INSTALLED, Target, parse_package

TASKS = ("generate", "check", "accept", "adopt", "compare", "diff", "lint")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler.

    Return 0, or 1 if the fragments have problems or `--check` found differences, or 2 if the compiler or the disk is at
    fault.
    """
    options = _parse_arguments(arguments)
    if _is_up_to_date(options):
        return 0
    from codegen.run import run  # noqa: PLC0415 - the compiler takes a third of a second to load

    return run(options)


def _is_up_to_date(options: argparse.Namespace) -> bool:
    generates = options.task in {"generate", "check"} and not options.count and not options.package
    return (generates or options.check) and is_verified(options.root, options.output)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate a package from OpenAPI fragments.")
    parser.add_argument(
        "task",
        nargs="?",
        choices=TASKS,
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
