"""The checks of a document beyond the types of its keywords. All of them run before anything is generated."""

from __future__ import annotations

from typing import Final

from codegen.checks.facts import check_facts
from codegen.checks.former_names import check_former_names
from codegen.checks.naming import check_names
from codegen.checks.operations import check_operations
from codegen.checks.pagination import check_pagination
from codegen.checks.schemas import check_schemas
from codegen.checks.servers import check_servers
from codegen.checks.unions import check_alternatives, check_unions
from codegen.checks.uploads import check_uploads
from codegen.diagnostics import Problems
from codegen.document import Object

_CHECKS: Final = (
    check_schemas,
    check_unions,
    check_alternatives,
    check_operations,
    check_pagination,
    check_servers,
    check_facts,
    check_uploads,
    check_names,
    check_former_names,
)


def check(document: Object, problems: Problems) -> None:
    """Report every problem of a document whose keywords are valid."""
    for run_check in _CHECKS:
        run_check(document, problems)
