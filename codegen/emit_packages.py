"""Emits what lists the APIs: the packages of models and operations, and the base class of the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.document import Object
from codegen.emit_operations import PACKAGE, TEMPLATES, resource_class
from codegen.ir import Api
from codegen.passes.facts import scopes
from codegen.render_text import HEADER, docstring, literal
from codegen.target import INTERFACE, OWN, Target

PACKAGES: Final = {
    "": "The code generated from openapi/: models, operations, resource classes, and the bundled document itself.",
    "models/": "Structs and enums, one module for each API.",
    "dicts/": "A TypedDict for each request type, one module for each API. Loaded on demand.",
    "strict/": "Request types with every documented limit, one module for each API. Loaded for `strict` only.",
    "operations/": "Operation functions, one module for each API.",
    "resources/": "The operations of each API as methods of a class, and the class that has them all.",
}


def emit_package(path: str, modules: Iterable[str], version: str = "", target: Target = OWN) -> str:
    """Return the `__init__` of a package. `models` and `operations` name their modules, loaded on first use.

    The outermost package has the version of the API's description. That of a package of another name checks the
    interface of the runtime, too.
    """
    listed = sorted(modules) if path in {"models/", "operations/"} else []
    package = f"{PACKAGE}.{path.rstrip('/')}".rstrip(".")
    shown = literal(version) if version else ""
    return TEMPLATES.get_template("package.jinja2").render(
        header=HEADER,
        docstring=docstring(PACKAGES[path], 0),
        package=package,
        modules=listed,
        version=shown,
        on_demand=not target.is_own,
        interface="" if target.is_own else INTERFACE,
    )


def emit_scopes(document: Object) -> str:
    """Return the module with the documented OAuth scopes, and with the type of one: for editors, and any other text."""
    listed = [literal(scope) for scope in scopes(document)]
    return TEMPLATES.get_template("scopes.jinja2").render(header=HEADER, scopes=listed)


def emit_client_apis(apis: Iterable[Api], target: Target = OWN) -> str:
    """Return the module with the base class of the client, which has each API that takes the client's credentials."""
    listed = [_property(api) for api in apis if any(_takes_credentials(api))]
    return TEMPLATES.get_template("client_apis.jinja2").render(
        header=HEADER, apis=listed, package=PACKAGE, forwards=not target.is_own
    )


def _property(api: Api) -> dict[str, str]:
    text = docstring(_first_sentence(api.description), 8)
    return {"name": api.name, "class_name": resource_class(api), "docstring": text}


def _takes_credentials(api: Api) -> Iterable[bool]:
    """Yield for each operation whether a client authorises it. Fetching a token is no call of its own."""
    for operation in api.operations:
        accepted = operation.security
        yield bool(accepted.scopes) or accepted.session_secret or accepted.secret_key


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].rstrip(".") + "."
