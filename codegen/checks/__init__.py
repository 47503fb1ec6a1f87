"""What must be right in a document beyond its shape, checked all at once before anything is generated."""

from __future__ import annotations

from codegen.checks.naming import check_names
from codegen.checks.operations import check_operations
from codegen.checks.schemas import check_schemas
from codegen.checks.unions import check_unions
from codegen.diagnostics import Problems
from codegen.document import Object


def check(document: Object, problems: Problems) -> None:
    """Report everything wrong with a well-shaped document."""
    for step in (check_schemas, check_unions, check_operations, check_names):
        step(document, problems)
