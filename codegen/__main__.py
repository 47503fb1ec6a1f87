"""The command `python -m codegen`: generates the package from openapi/.

`--check` compiles in memory, compares with the files on disk and prints a diff. Both end at once if nothing has changed
since the last run that went well. `accept` writes what the package promises now to openapi/contract.json, which
`--check` compares too. `diff OLD NEW` says what the changes between two versions mean for a caller; its exit code is 2
if one is silent, 1 if one is breaking, and else 0. `lint` asks what a reviewer of the fragments would ask. `--count`
prints the size of each API and the number of variants of each union.
"""

from __future__ import annotations

import argparse
import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from codegen.compiler import FRAGMENTS, Compiled, check_fragments, compile_all, compile_document
from codegen.contract import ACCEPTED, FORMAT, Contract, diff_contract, read_contract, write_contract
from codegen.count import count_document
from codegen.diagnostics import CompilerError, Problems, SpecificationError
from codegen.diff import Finding, compare, compare_versions, exit_code, render
from codegen.lint import fix_fragments, lint
from codegen.lint.sensitive import unmarked
from codegen.record import is_verified, record
from codegen.revisions import read_version
from codegen.upstream.compare import compare_documents
from codegen.upstream.decisions import fix_tables, news, read_decisions
from codegen.upstream.read import Document, read_document
from codegen.upstream.render import render_comparison
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
        print(f"found {count} problem{'s' if count > 1 else ''}; nothing was written", file=sys.stderr)
        return 1
    except CompilerError as error:
        print(f"{error}\nnothing was written: {_REPORT}", file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror or error}; the files are as they were", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - whatever the compiler did not expect
        print(f"{_describe_crash(error)}\nnothing was written: {_REPORT}", file=sys.stderr)
    return 2


def _task(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    if options.count:
        return _count
    if task := {"accept": _accept, "compare": _compare, "diff": _diff, "lint": _lint}.get(options.task):
        return task
    return _check if options.check else _generate


def _count(options: argparse.Namespace) -> int:
    print(count_document(compile_document(options.root / FRAGMENTS)))
    return 0


def _accept(options: argparse.Namespace) -> int:
    """Write what the package promises now, and keep what was accepted. A change that callers meet needs a reason."""
    folder: Path = options.root / FRAGMENTS
    compiled = compile_all(options.root)
    old = read_contract(folder) or {}
    accepted = old.get(ACCEPTED, [])
    print(diff_contract(old, {**compiled.contract, ACCEPTED: accepted}), end="")
    changes = [each.key for each in _changes_to_accept(options, old, compiled.contract) if exit_code([each])]
    if changes and not options.why:
        print("\n".join(changes), file=sys.stderr)
        print("callers meet these changes: say why they are accepted with --why; nothing was written", file=sys.stderr)
        return 1
    if options.why:
        accepted = [*accepted, {"why": options.why, "changes": changes}]
    write_contract(folder, {**compiled.contract, ACCEPTED: accepted})
    return 0


def _lint(options: argparse.Namespace) -> int:
    """Correct what has one answer if that is wanted, and print what a reviewer of the fragments would ask about."""
    folder: Path = options.root / FRAGMENTS
    document = check_fragments(folder)
    if options.fix:
        for name in fix_fragments(folder, unmarked(document)):
            print(f"corrected {FRAGMENTS}/{name}")
        if fix_tables(folder, read_decisions(folder, Problems())):
            print(f"corrected {FRAGMENTS}/README.md")
        document = check_fragments(folder)
    if problems := lint(document, folder):
        raise SpecificationError(problems)
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Print how a document of others differs from ours, less what decisions settle. Return 1 if there is news."""
    if len(options.versions) != 1:
        print("compare needs one document: an OpenAPI file, JSON or YAML", file=sys.stderr)
        return 2
    folder: Path = options.root / FRAGMENTS
    problems = Problems()
    decisions = read_decisions(folder, problems)
    problems.stop_if_any()
    theirs = read_document(Path(options.versions[0]))
    found = compare_documents(Document(compile_document(folder)), theirs)
    left = found.differences if options.all else news(found.differences, decisions, theirs.title)
    settled = len(found.differences) - len(left)
    print(render_comparison(left, found.agreements, settled, options.format), end="")
    return 1 if left else 0


def _changes_to_accept(options: argparse.Namespace, old: Contract, new: Contract) -> list[Finding]:
    """Return the changes since the last snapshot, or since a version that `--since` names."""
    accepted = {**new, ACCEPTED: old.get(ACCEPTED, [])}
    if options.since:
        return compare(read_version(options.since, options.root).contract, accepted)
    return compare(old, accepted) if old.get("format") == FORMAT else []


def _diff(options: argparse.Namespace) -> int:
    """Print what changed from one version to another. Return 2 if a change is silent, 1 if one is breaking."""
    if len(options.versions) != 2:
        print("diff needs two versions: folders that contain openapi/, bundles, or git revisions", file=sys.stderr)
        return 2
    old, new = (read_version(source, options.root) for source in options.versions)
    found = compare_versions(old, new)
    print(render(found, options.format), end="")
    return exit_code(found)


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
        choices=("generate", "accept", "compare", "diff", "lint"),
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
    parser.add_argument("--all", action="store_true", help="with compare: also what decisions settle")
    parser.add_argument("--since", help="with accept: the version since which changes are accepted, as for diff")
    parser.add_argument("--root", type=_folder, default=_HERE.parent, help="the folder that contains openapi/")
    parser.add_argument("--output", type=_folder, help="the folder to write to or compare with (default: the root)")
    options = parser.parse_args(arguments)
    options.output = options.output or options.root
    return options


def _folder(path: str) -> Path:
    return Path(path).resolve()


if __name__ == "__main__":
    gc.disable()  # a run is short and makes a million objects, and the collector took a sixth of its time
    sys.exit(main())
