"""The commands that compare, draft, ask and accept. `generate` has those that generate and check."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from codegen.compiler import check_fragments, compile_all, compile_document
from codegen.contract import ACCEPTED, FORMAT, Contract, diff_contract, read_contract, write_contract
from codegen.decisions import README, fix_tables, is_settled, read_decisions
from codegen.diagnostics import Problems, SpecificationError
from codegen.diff import Finding, compare, compare_versions, exit_code, render
from codegen.document import Object
from codegen.lint import fix_fragments, lint
from codegen.lint.former_names import has_former_names
from codegen.lint.sensitive import unmarked
from codegen.record import record
from codegen.revisions import last_release, read_version
from codegen.target import FRAGMENTS
from codegen.upstream.adopt import Drafts, adopt_member, adopt_operation, adopt_schema, write_drafts
from codegen.upstream.compare import compare_documents
from codegen.upstream.read import Document, read_document
from codegen.upstream.render import render_comparison
from codegen.write import diff_tree


def accept_contract(options: argparse.Namespace) -> int:
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
    if not diff_tree(options.output, compiled.files):
        record(options.root, options.output)
    return 0


def lint_fragments(options: argparse.Namespace) -> int:
    """Correct what has one answer if that is wanted, and print what a reviewer of the fragments would ask about."""
    folder: Path = options.openapi or options.root / FRAGMENTS
    document = check_fragments(folder, options.overlay)
    if options.fix:
        for name in _fix(folder, document):
            print(f"corrected {folder.name}/{name}")
            options.corrected.append(name)
        document = check_fragments(folder)
    released = None if options.openapi else _released(options.root, document)
    if problems := lint(document, folder, options.overlay, released):
        raise SpecificationError(problems)
    return 0


def _released(root: Path, document: Object) -> tuple[str, Object] | None:
    """Return name and document of the last release if a former name depends on it, and if it is known."""
    release = last_release(root) if has_former_names(document) else None
    return None if release is None else (release, read_version(release, root).document)


def _fix(folder: Path, document: Object) -> Iterator[str]:
    """Yield the name of each file that was corrected."""
    yield from fix_fragments(folder, unmarked(document))
    if fix_tables(folder, read_decisions(folder, Problems())):
        yield README


def adopt_upstream(options: argparse.Namespace) -> int:
    """Print drafts of an operation, a schema or a member of a document of others, or write those that are new files."""
    chosen = [(draft, name) for draft, name in _drafts(options) if name]
    if len(options.versions) != 1 or len(chosen) != 1:
        print("adopt needs one document, and one of --operation, --schema and --field", file=sys.stderr)
        return 2
    folder: Path = options.root / FRAGMENTS
    (draft, wanted), ours = chosen[0], compile_document(folder)
    drafts = draft(read_document(Path(options.versions[0])), ours, wanted, options.into or _first_tag(ours))
    if options.write:
        if existing := [name for name in drafts.files if (folder / name).exists()]:
            print(f"{FRAGMENTS}/{existing[0]} exists; nothing was written", file=sys.stderr)
            return 1
        write_drafts(folder, drafts)
    for name, text in drafts.files.items():
        print(f"# {FRAGMENTS}/{name}\n{text}" if not options.write else f"wrote {FRAGMENTS}/{name}")
    print("\n".join(drafts.steps))
    return 0


def _drafts(options: argparse.Namespace) -> list[tuple[Callable[[Document, Object, str, str], Drafts], str | None]]:
    return [
        (adopt_operation, options.operation),
        (adopt_schema, options.schema),
        (adopt_member, options.field),
    ]


def _first_tag(document: Object) -> str:
    return next(document.array("tags").objects()).text("name")


def compare_upstream(options: argparse.Namespace) -> int:
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
    left = [each for each in found.differences if options.all or not is_settled(each.key, decisions, theirs.title)]
    settled = len(found.differences) - len(left)
    print(render_comparison(left, found.agreements, settled, options.format), end="")
    return 1 if left else 0


def _changes_to_accept(options: argparse.Namespace, old: Contract, new: Contract) -> list[Finding]:
    """Return the changes since the last snapshot, or since a version that `--since` names."""
    accepted = {**new, ACCEPTED: old.get(ACCEPTED, [])}
    if options.since:
        return compare(read_version(options.since, options.root).contract, accepted)
    return compare(old, accepted) if old.get("format") == FORMAT else []


def diff_versions(options: argparse.Namespace) -> int:
    """Print what changed from one version to another. Return 2 if a change is silent, 1 if one is breaking."""
    if len(options.versions) != 2:
        print("diff needs two versions: folders that contain openapi/, bundles, or git revisions", file=sys.stderr)
        return 2
    old, new = (read_version(source, options.root) for source in options.versions)
    found = compare_versions(old, new)
    print(render(found, options.format), end="")
    return exit_code(found)


TASKS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "accept": accept_contract,
    "adopt": adopt_upstream,
    "compare": compare_upstream,
    "diff": diff_versions,
    "lint": lint_fragments,
}
