"""Emits the operation functions, the resource classes and docs/api.md from the IR, with templates/operations/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import jinja2

from codegen import render_call, render_pagination
from codegen.emit_models import DICTS, MODELS
from codegen.ir import Api, Operation, Parameter, TypeRef
from codegen.render_text import HEADER, USES_DEPRECATED, docstring, literal
from codegen.render_type import dict_name, enum_like
from codegen.target import OWN, OWN_PACKAGE, Target

PACKAGE: Final = OWN_PACKAGE
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates" / "operations"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - Python, not HTML
)
_MODULE: Final = (
    "Operations of the {} API: for each one a description, a function to build a request, and one to send it."
)
_RESOURCE_MODULE: Final = "The resource class of the {} API: its operations as methods."
_FORMS: Final = {"FORM": " as a form", "MULTIPART": " as a form with files"}
_STANDARD: Final = (
    "from collections.abc import AsyncIterator, Mapping, Sequence",
    "from datetime import date, datetime",
    "from functools import cached_property",
    "from typing import TYPE_CHECKING, Final",
    "from msgspec.structs import replace",
    "from checkout_async._core.deprecation import deprecated, warn_deprecated",
    "from checkout_async._core.paging import Page, by_link, by_position",
    "from checkout_async._core.resource import Resource",
    "from checkout_async._core.wire import Alternative, ApiRequest, ApiResponse, BodyFormat, CallOptions, Idempotency",
    "from checkout_async._core.parameters import Parameter, list_parameter, optional_parameter, parameter_text",
    "from checkout_async._core.wire import Operation, Sender",
    "from checkout_async.config import RetryPolicy, Timeouts, Validation",
)


def emit_operations(api: Api) -> str:
    """Return the module with the operation functions of an API."""
    return TEMPLATES.get_template("operations.jinja2").render(
        header=HEADER,
        docstring=docstring(_MODULE.format(api.title), 0),
        uses_deprecated=_uses_deprecated(api),
        imports="\n".join([*_STANDARD, *_type_imports(api)]),
        dict_imports=_dict_imports(api),
        operations=[_operation(operation) for operation in api.operations],
    )


def emit_resource(api: Api) -> str:
    """Return the module with the resource class of an API."""
    functions = f"from {PACKAGE}.operations import {api.name} as operations"
    return TEMPLATES.get_template("resource.jinja2").render(
        header=HEADER,
        module_docstring=docstring(_RESOURCE_MODULE.format(api.title), 0),
        uses_deprecated=_uses_deprecated(api),
        imports="\n".join([*_STANDARD, *_type_imports(api), functions]),
        dict_imports=_dict_imports(api),
        class_name=resource_class(api),
        responses_class=f"{resource_class(api).removesuffix('Resource')}WithResponse",
        docstring=docstring(api.description, 4),
        operations=[_operation(operation) for operation in api.operations],
    )


def _uses_deprecated(api: Api) -> str:
    return USES_DEPRECATED if any(each.deprecated for each in api.operations) else ""


def resource_class(api: Api) -> str:
    """Return the name of an API's resource class."""
    return "".join(word.capitalize() for word in api.name.split("_")) + "Resource"


def _operation(operation: Operation) -> dict[str, object]:
    constant, accepted, pagination = operation.name.upper(), render_call.arguments(operation), operation.pagination
    return {
        "name": operation.name,
        "constant": constant,
        "deprecated": literal(f"{operation.name} is deprecated. {operation.summary}.") if operation.deprecated else "",
        "result": render_call.result_type(operation),
        "operation_arguments": render_call.operation_arguments(operation),
        "build_parameters": render_call.signature(accepted),
        "request_arguments": render_call.request_arguments(operation, constant),
        "send_parameters": render_call.signature(accepted, "sender: Sender"),
        "method_parameters": render_call.signature(accepted, "self"),
        "call_arguments": render_call.call_arguments(accepted),
        "secret_arguments": render_call.secret_arguments(accepted),
        "docstring": render_call.docstring(operation, accepted, 4),
        "method_docstring": render_call.docstring(operation, accepted, 8),
        "iterator": pagination and render_pagination.iterator(operation, pagination),
    }


def _type_imports(api: Api) -> Iterable[str]:
    """Return an import of each model that the functions of an API use; unused imports are removed later."""
    used: set[TypeRef] = set()
    for operation in api.operations:
        used |= {reply.type for reply in operation.responses if reply.type}
        used |= {operation.pagination.item} if operation.pagination else set()
        used |= {operation.body.type, *dict(operation.body.alternatives)} if operation.body else set()
    lines = {f"from {MODELS}.{each.module} import {each.name}" for each in used}
    enums = {each.type for operation in api.operations for each in operation.parameters}
    lines |= {
        f"from {MODELS}.{each.module} import {enum_like(each.name)}" for each in enums if isinstance(each, TypeRef)
    }
    return sorted(lines)


def _dict_imports(api: Api) -> list[str]:
    """Return an import of the TypedDict of each body. Only type checkers need them."""
    bodies = {operation.body.type for operation in api.operations if operation.body}
    return sorted({f"from {DICTS}.{each.module} import {dict_name(each.name)}" for each in bodies})


def emit_docs(apis: Iterable[Api], target: Target = OWN) -> str:
    """Return the reference of all operations as Markdown."""
    entries = [(api, [_docs_entry(operation, target) for operation in api.operations]) for api in apis]
    package, client = ("checkout_async", "client") if target.is_own else (target.package, "Apis(client)")
    return TEMPLATES.get_template("api.md.jinja2").render(header=HEADER, apis=entries, package=package, client=client)


def _docs_entry(operation: Operation, target: Target) -> dict[str, object]:
    return {
        "name": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "deprecated": operation.deprecated,
        "method": operation.method,
        "path": operation.path,
        "credentials": render_call.required_credentials(operation),
        "idempotency": operation.idempotency,
        "retry_rule": render_call.retry_rule(operation),
        "body": operation.body and str(operation.body.type),
        "body_link": operation.body and _model_link(operation.body.type, target),
        "body_optional": operation.body is not None and not operation.body.required,
        "form": _FORMS.get(operation.body.format if operation.body else "", ""),
        "responses": [
            (reply.status, reply.type, reply.type and _model_link(reply.type, target), _cell(reply.description))
            for reply in operation.responses
        ],
        "parameters": [
            (parameter.python_name, parameter.place, _shown_type(parameter), _cell(parameter.description))
            for parameter in operation.parameters
        ],
        "iterator": operation.pagination and operation.pagination.iterator,
        "errors": [f"`{entry.replace(': ', '` ', 1)}" for entry in render_call.documented_errors(operation)],
    }


def _shown_type(parameter: Parameter) -> str:
    return f"list of {parameter.type}" if parameter.several else str(parameter.type)


def _model_link(type_: TypeRef, target: Target) -> str:
    folder = f"../{target.folder}/" if target.is_own else ""
    return f"{folder}models/{type_.module}.py"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
