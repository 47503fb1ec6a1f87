"""Emits the URLs of the API and of its token endpoint, by environment."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from codegen.document import Object
from codegen.render_text import HEADER, literal

_SUBDOMAIN: Final = "{subdomain}"


def emit_servers(document: Object) -> str:
    """Return the module with the URLs. A server without `x-environment` is for readers only.

    The variable of a server, if it has one, is the account's subdomain.
    """
    path = _token_path(document)
    item = document.object("paths").object(path)
    tokens = _servers(item if "servers" in item else document, path) if path else {}
    lines = [
        f"# {HEADER}",
        '"""The URLs of the API and of its token endpoint, by environment. `{subdomain}` stands for the account\'s."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
        '__all__ = ["BASE_URLS", "TOKEN_URLS"]',
        "",
        f"BASE_URLS: Final[Mapping[str, str]] = {literal(_servers(document, ''))}",
        f"TOKEN_URLS: Final[Mapping[str, str]] = {literal(tokens)}",
    ]
    return "\n".join(lines) + "\n"


def _token_path(document: Object) -> str:
    """Return the path of the operation that gives access tokens; empty if there is none."""
    for _, scheme in document.object("components").object("securitySchemes").objects():
        path = urlsplit(scheme.object("flows").object("clientCredentials").text("tokenUrl")).path
        if path and path in document.object("paths"):
            return path
    return ""


def _servers(holder: Object, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for server in holder.array("servers").objects():
        if environment := server.text("x-environment"):
            url = server.text("url").rstrip("/")
            for variable in server.object("variables"):
                url = url.replace(f"{{{variable}}}", _SUBDOMAIN)
            found[environment] = url + path
    return found
