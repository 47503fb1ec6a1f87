"""The operation functions and the resource classes, written from the IR with the templates of templates/operations/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import jinja2

from codegen import call_text
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
    "from collections.abc import Mapping",
    "from datetime import date, datetime",
    "from typing import Final",
    "from checkout_async._core.wire import ApiRequest, BodyFormat, CallOptions, Idempotency",
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


def _operation(operation: Operation) -> dict[str, str]:
    constant = operation.name.upper()
    return {
        "name": operation.name,
        "constant": constant,
        "result": call_text.result(operation),
        "description_arguments": call_text.static_description(operation),
        "build_parameters": call_text.signature(operation),
        "request_arguments": call_text.request_arguments(operation, constant),
        "send_parameters": call_text.signature(operation, "sender: Sender"),
        "method_parameters": call_text.signature(operation, "self"),
        "passed": call_text.passed(operation),
        "docstring": call_text.docstring(operation, 4),
        "method_docstring": call_text.docstring(operation, 8),
    }


def _type_imports(api: Api) -> Iterable[str]:
    """Yield an import of every model that the functions of an API name; what stays unused is removed later."""
    used: set[TypeRef] = set()
    for operation in api.operations:
        used |= {parameter.type for parameter in operation.parameters if isinstance(parameter.type, TypeRef)}
        used |= {reply.type for reply in operation.responses if reply.type}
        used |= {operation.body.type} if operation.body else set()
    return sorted({f"from {MODELS}.{each.module} import {each.name}" for each in used})
