"""Compares two versions of the specification by what our Python does, and says what each change means for a caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codegen.contract import Contract
from codegen.diff.finding import Finding, exit_code, without_accepted
from codegen.diff.kinds import ChangeClass
from codegen.diff.operations import compare_operations
from codegen.diff.places import locate
from codegen.diff.render import render
from codegen.diff.texts import compare_texts
from codegen.diff.types import compare_types, one_finding, rename_types, with_names
from codegen.revisions import Version

__all__ = ["ChangeClass", "Finding", "compare", "compare_versions", "exit_code", "render"]


def compare(old: Contract, new: Contract) -> list[Finding]:
    """Return the changes from one contract to another, the worst first, without those that were accepted in between."""
    return without_accepted(_changes(old, new), old, new)


def compare_versions(old: Version, new: Version) -> list[Finding]:
    """Return the changes from one version to another, those of the documentation too, each with file and line."""
    changed = [*_changes(old.contract, new.contract), *compare_texts(old.document, new.document)]
    found = without_accepted(changed, old.contract, new.contract)
    return [
        replace(each, old=locate(old.document, each, new=False), new=locate(new.document, each, new=True))
        for each in found
    ]


def _changes(old: Contract, new: Contract) -> Iterator[Finding]:
    renamed = rename_types(old, new)
    before = with_names(old, renamed)
    yield from compare_operations(before, new)
    yield from one_finding(compare_types(before, new, renamed), before, new)
