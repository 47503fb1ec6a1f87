"""The commands that generate a package and check it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from codegen.compiler import Compiled, check_fragments, compile_all, compile_document, compile_package
from codegen.contract import ACCEPTED, diff_contract, read_contract
from codegen.count import count_document
from codegen.lint import lint
from codegen.publish import publish
from codegen.record import record
from codegen.target import COMMAND, FRAGMENTS
from codegen.write import diff_tree, write_tree
from codegen.write_package import diff_package, write_package

_NOT_ACCEPTED: Final = (
    f"what the package promises is not what {FRAGMENTS}/contract.json says: read the difference, and accept it with "
    f"`{COMMAND} accept`"
)


def count(options: argparse.Namespace) -> int:
    """Print the size of each API."""
    print(count_document(compile_document(options.root / FRAGMENTS)))
    return 0


def check(options: argparse.Namespace) -> int:
    """Compare the files on disk with what is generated. Return 1 if they differ, or if a change is not accepted."""
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


def generate(options: argparse.Namespace) -> int:
    """Write the generated files."""
    compiled = compile_all(options.root)
    write_tree(options.output, compiled.files)
    if _unaccepted(options.root, compiled):
        print(_NOT_ACCEPTED, file=sys.stderr)
    else:
        record(options.root, options.output)
    return 0


def generate_package(options: argparse.Namespace) -> int:
    """Write a package of another name, and what a reviewer of its fragments would ask."""
    document = check_fragments(options.openapi, options.overlay)
    write_package(options.output, compile_package(options.package, publish(document)), options.package)
    if asked := lint(document, options.openapi, options.overlay):
        print("\n".join(map(str, asked)), file=sys.stderr)
        count = f"{len(asked)} question{'s' if len(asked) > 1 else ''}"
        print(
            f"the package is written. {count} of a reviewer are open: `{COMMAND} lint` asks them, too", file=sys.stderr
        )
    return 0


def check_package(options: argparse.Namespace) -> int:
    """Compare a package of another name with what is generated. Return 1 if they differ."""
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
