"""Looks for what compiles and is still not good: what a reviewer of the fragments would ask about.

`check` in checks/ refuses what cannot be compiled, or would mean something else. The rules here are conventions. `fix`
corrects what has one answer: the order of keywords, and the mask of a member that looks sensitive.
"""

from __future__ import annotations

from pathlib import Path

from codegen.decisions import check_tables, read_decisions
from codegen.diagnostics import Problem, Problems, SpecificationError
from codegen.document import Object
from codegen.lint.fix import fix_fragments
from codegen.lint.former_names import check_former_names
from codegen.lint.order import check_order
from codegen.lint.sensitive import check_sensitive
from codegen.lint.wording import check_wording
from codegen.load import load_fragments, load_overlay
from codegen.overlay import overlay_label

__all__ = ["fix_fragments", "lint"]


def lint(
    document: Object, folder: Path, overlay: Path | None = None, released: tuple[str, Object] | None = None
) -> tuple[Problem, ...]:
    """Return what a reviewer would ask about in a checked document and in the fragments of its folder and its overlay.

    `released` is the last release, if it is known: its name and its document.
    """
    problems = Problems()
    if released is not None:
        check_former_names(document, *released, problems)
    check_sensitive(document, problems)
    check_wording(document, problems)
    check_order(load_fragments(folder, Problems()), problems)
    if overlay is not None:
        check_order(load_overlay(overlay, overlay_label(folder, overlay), Problems()), problems)
    check_tables(folder, read_decisions(folder, problems), problems)
    try:
        problems.stop_if_any()
    except SpecificationError as error:
        return error.problems
    return ()
