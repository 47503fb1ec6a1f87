"""The operation functions and the resource classes, written from the IR with the templates of templates/operations/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import jinja2

from codegen import call_text, paging_text
from codegen.emit_models import MODELS
from codegen.ir import Api, Operation, TypeRef
from codegen.text import HEADER, docstring

PACKAGE: Final = "checkout_async._generated"
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates" / "operations"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - Python, not HTML
)
_STANDARD: Final = (
    "from collections.abc import AsyncIterator, Mapping",
    "from dataclasses import replace",
    "from datetime import date, datetime",
    "from typing import Final",
    "from checkout_async._core.paging import Page, by_link, by_position",
    "from checkout_async._core.wire import Alternative, ApiRequest, BodyFormat, CallOptions, Idempotency",
    "from checkout_async._core.wire import Operation, Parameter, Sender, given",
    "from checkout_async.config import RetryPolicy, Timeouts",
)


def emit_operations(api: Api) -> str:
    """Return the module with the operation functions of an API."""
    return TEMPLATES.get_template("operations.jinja2").render(
        header=HEADER,
        api=api,
        imports="\n".join([*_STANDARD, *_type_imports(api)]),
        operations=[_operation(operation) for operation in api.operations],
    )


def emit_resource(api: Api) -> str:
    """Return the module with the resource class of an API."""
    functions = f"from {PACKAGE}.operations import {api.name} as operations"
    return TEMPLATES.get_template("resource.jinja2").render(
        header=HEADER,
        api=api,
        imports="\n".join([*_STANDARD, *_type_imports(api), functions]),
        class_name=resource_class(api),
        docstring=docstring(api.description, 4),
        operations=[_operation(operation) for operation in api.operations],
    )


def resource_class(api: Api) -> str:
    """Return the name of an API's resource class."""
    return "".join(word.capitalize() for word in api.name.split("_")) + "Resource"


def _operation(operation: Operation) -> dict[str, object]:
    constant, found, pagination = operation.name.upper(), call_text.arguments(operation), operation.pagination
    return {
        "name": operation.name,
        "constant": constant,
        "result": call_text.result(operation),
        "description_arguments": call_text.static_description(operation),
        "build_parameters": call_text.signature(found),
        "request_arguments": call_text.request_arguments(operation, constant),
        "send_parameters": call_text.signature(found, "sender: Sender"),
        "method_parameters": call_text.signature(found, "self"),
        "passed": call_text.passed(found),
        "hidden": call_text.hidden(found),
        "docstring": call_text.docstring(operation, found, 4),
        "method_docstring": call_text.docstring(operation, found, 8),
        "iterator": pagination and paging_text.iterator(operation, pagination),
    }


def _type_imports(api: Api) -> Iterable[str]:
    """Yield an import of every model that the functions of an API name; what stays unused is removed later."""
    used: set[TypeRef] = set()
    for operation in api.operations:
        used |= {parameter.type for parameter in operation.parameters if isinstance(parameter.type, TypeRef)}
        used |= {reply.type for reply in operation.responses if reply.type}
        used |= {operation.pagination.item} if operation.pagination else set()
        used |= {operation.body.type, *dict(operation.body.alternatives)} if operation.body else set()
    return sorted({f"from {MODELS}.{each.module} import {each.name}" for each in used})
