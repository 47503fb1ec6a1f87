"""docs/api.md: every operation with its HTTP line, credentials, types and errors."""

from __future__ import annotations

from collections.abc import Iterable

from codegen import call_text
from codegen.emit_operations import TEMPLATES
from codegen.ir import Api, Operation, TypeRef
from codegen.text import HEADER


def emit_docs(apis: Iterable[Api]) -> str:
    """Return the reference of all operations as Markdown."""
    entries = [(api, [_entry(operation) for operation in api.operations]) for api in apis]
    return TEMPLATES.get_template("api.md.jinja2").render(header=HEADER, apis=entries)


def _entry(operation: Operation) -> dict[str, object]:
    return {
        "name": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "deprecated": operation.deprecated,
        "method": operation.method,
        "path": operation.path,
        "credentials": call_text.credentials(operation),
        "idempotency": operation.idempotency,
        "repetition": call_text.repetition(operation),
        "body": operation.body and str(operation.body.type),
        "body_link": operation.body and _link(operation.body.type),
        "body_optional": operation.body is not None and not operation.body.required,
        "form": operation.body is not None and operation.body.format == "FORM",
        "responses": [
            (reply.status, reply.type, reply.type and _link(reply.type), _cell(reply.description))
            for reply in operation.responses
        ],
        "parameters": [
            (parameter.python_name, parameter.place, parameter.type, _cell(parameter.description))
            for parameter in operation.parameters
        ],
        "iterator": operation.pagination and operation.pagination.iterator,
        "errors": [f"`{entry.replace(': ', '` ', 1)}" for entry in call_text.told_errors(operation)],
    }


def _link(type_: TypeRef) -> str:
    return f"../checkout_async/_generated/models/{type_.module}.py"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
