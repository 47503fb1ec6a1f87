"""Asks for former names to be removed after one release, if the last release is known."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.keywords import FORMER_NAME
from codegen.passes.walk import schemas


def has_former_names(document: Object) -> bool:
    """Return whether a member has a former name."""
    return any(True for _ in _former_names(document))


def check_former_names(document: Object, release: str, released: Object, problems: Problems) -> None:
    """Report the former names that the last release had already; `release` is its name."""
    before = {key for key, _ in _former_names(released)}
    for (schema, name, former), origin in _former_names(document):
        if (schema, name, former) in before:
            message = f"'{former}' was the former name of '{name}' in {release} already: remove `{FORMER_NAME}`"
            problems.add(origin, message)


def _former_names(document: Object) -> Iterator[tuple[tuple[str, str, str], Origin]]:
    """Yield schema, member and former name of each member that was renamed, and where that stands."""
    for schema, each in schemas(document).objects():
        for name, member in each.object("properties").objects():
            if FORMER_NAME in member:
                yield (schema, name, member.text(FORMER_NAME)), member.at(FORMER_NAME)
