"""Checks of `x-former-name`: a member has one old name, which means nothing else."""

from __future__ import annotations

from codegen.checks.naming import METHODS
from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.keywords import FORMER_NAME
from codegen.names import is_snake, snake_name
from codegen.passes.annotations import name_table
from codegen.passes.unions import alternatives
from codegen.passes.walk import calls, schemas


def check_former_names(document: Object, problems: Problems) -> None:
    """Report former names that are taken, and those of members that are looked for by one name."""
    table, found_by = name_table(document), _found_by(document)
    for _, schema in schemas(document).objects():
        properties = schema.object("properties")
        taken = {snake_name(name, table): name for name in properties}
        for name, member in properties.objects():
            if FORMER_NAME in member:
                former, origin = member.text(FORMER_NAME), member.at(FORMER_NAME)
                if reason := found_by.get(name) or ("is a constant" if "const" in member else ""):
                    problems.add(origin, f"x-former-name: '{name}' {reason}; it cannot have another name")
                elif problem := _problem(name, former, taken, table):
                    problems.add(origin, f"x-former-name: {problem}")
                taken.setdefault(snake_name(former, table), former)


def _problem(name: str, former: str, taken: dict[str | None, str], table: dict[str, str]) -> str:
    """Return what is wrong with a former name, or an empty text."""
    python = snake_name(former, table)
    if python is None or not is_snake(python):
        return f"'{former}' needs a Python name; add it to x-python-names"
    if python in METHODS:
        return f"'{former}' would be called {python}, which is reserved in generated code"
    if former in taken.values() or taken.get(python, name) != name:
        return f"'{former}' is the name of '{taken.get(python, former)}'; a former name belongs to one member"
    return ""


def _found_by(document: Object) -> dict[str, str]:
    """Return the members that the package looks for in a mapping, each with what for."""
    found: dict[str, str] = {}
    for call in calls(document.object("paths")):
        if reference := call.operation.text("x-reference"):
            found[reference] = f"is the reference of {call.operation.text('operationId')}"
    for name, schema in schemas(document).objects():
        for members in alternatives(schema).values():
            found |= dict.fromkeys(members, f"tells the alternatives of {name} apart")
    return found
