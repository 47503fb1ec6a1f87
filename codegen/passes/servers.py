"""Finds the URLs that calls go to: those of the API, and those of its token endpoint, by environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from codegen.document import EMPTY, Object

_SUBDOMAIN: Final = "{subdomain}"


def api_urls(document: Object) -> dict[str, str]:
    """Return the URL of the API by environment. A server without `x-environment` is for readers only.

    The variable of a server, if it has one, is the account's subdomain.
    """
    return _urls(document, "")


def token_urls(document: Object) -> dict[str, str]:
    """Return the URL of the token endpoint by environment; nothing if no operation gives access tokens."""
    path = token_path(document)
    return _urls(token_servers(document), path) if path else {}


def token_path(document: Object) -> str:
    """Return the path of the operation that gives access tokens; empty if there is none."""
    for _, flow in token_flows(document):
        path = url_path(flow.text("tokenUrl"))
        if path and path in document.object("paths"):
            return path
    return ""


def url_path(url: str) -> str:
    """Return the path of a URL; empty if it has none, or if the text is not a URL."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def token_servers(document: Object) -> Object:
    """Return what holds the servers of the token endpoint: its path item, or the document if that has none."""
    item = document.object("paths").object(token_path(document))
    return item if "servers" in item else document


def token_flows(document: Object) -> Iterator[tuple[str, Object]]:
    """Yield the flows that give access tokens, each with the name of its security scheme."""
    for name, scheme in document.object("components").object("securitySchemes").objects():
        flow = scheme.object("flows").object("clientCredentials")
        if flow is not EMPTY:
            yield name, flow


def _urls(holder: Object, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for server in holder.array("servers").objects():
        if environment := server.text("x-environment"):
            url = server.text("url").rstrip("/")
            for variable in server.object("variables"):
                url = url.replace(f"{{{variable}}}", _SUBDOMAIN)
            found[environment] = url + path
    return found
