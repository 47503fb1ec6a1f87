"""What must be right in a document beyond its shape, checked all at once before anything is generated."""

from __future__ import annotations

from typing import Final

from codegen.checks.alternatives import check_alternatives
from codegen.checks.naming import check_names
from codegen.checks.operations import check_operations
from codegen.checks.pagination import check_pagination
from codegen.checks.schemas import check_schemas
from codegen.checks.unions import check_unions
from codegen.diagnostics import Problems
from codegen.document import Object

_STEPS: Final = (
    check_schemas,
    check_unions,
    check_alternatives,
    check_operations,
    check_pagination,
    check_names,
)


def check(document: Object, problems: Problems) -> None:
    """Report everything wrong with a well-shaped document."""
    for step in _STEPS:
        step(document, problems)
