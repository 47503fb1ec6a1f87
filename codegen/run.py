"""Runs a command of the compiler, and says in a sentence why it failed."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from codegen.commands import TASKS
from codegen.diagnostics import CompilerError, SpecificationError
from codegen.generate import check, check_package, count, generate, generate_package
from codegen.target import COMPILER
from codegen.write_package import InTheWay, NotRestored

_REPORT: Final = (
    "this is a fault of the compiler in codegen/. Undo your last change of openapi/ to go on, and report it with that "
    "change"
)


def run(options: argparse.Namespace) -> int:
    """Run the command. Return its exit code: 2 if the compiler or the disk is at fault."""
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
        return count
    if options.check:
        return check
    if options.package:
        return {**TASKS, "check": check_package, "generate": generate_package}[options.task]
    return {**TASKS, "check": check, "generate": generate}[options.task]


def _describe_crash(error: Exception) -> str:
    """Return where in the compiler an unexpected error came from, and what it is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(COMPILER)] or frames
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(own[-3:]))
    return f"{type(error).__name__} in {places}: {error}"
