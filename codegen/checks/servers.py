"""Checks of the servers and of the credentials that the client has a fixed place for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.parse import SECRET_KEY, SESSION_SECRET
from codegen.passes.servers import token_flows, token_path, url_path
from codegen.passes.walk import calls

_NO_SERVERS: Final = (
    "`servers` would be ignored here: only openapi.yaml, and the path item that `tokenUrl` leads to, name the servers "
    "that calls go to"
)
# How the client sends the credentials that it knows by the name of their security scheme.
_SENT: Final[dict[str, dict[str, str]]] = {
    SESSION_SECRET: {"type": "apiKey", "in": "header", "name": "Authorization"},
    SECRET_KEY: {"type": "http", "scheme": "bearer"},
}
_OTHER: Final = "a credential that is sent otherwise needs another name, and code in the client"


def check_servers(document: Object, problems: Problems) -> None:
    """Report servers that no call would go to, and credentials that the client would send otherwise."""
    token_item = document.object("paths").object(token_path(document))
    for item in _path_items(document):
        if "servers" in item and item is not token_item:
            problems.add(item.at("servers"), _NO_SERVERS)
    for _, flow in token_flows(document):
        if not url_path(flow.text("tokenUrl")):
            problems.add(flow.at("tokenUrl"), "`tokenUrl` must be a URL with a path: https://HOST/PATH")
    for holder in (document, token_item):
        _check_environments(holder, problems)
    _check_credentials(document.object("components").object("securitySchemes"), problems)


def _path_items(document: Object) -> Iterator[Object]:
    paths = document.object("paths")
    yield from (item for _, item in (*paths.objects(), *document.object("webhooks").objects()))
    for call in calls(paths):
        for _, callback in call.operation.object("callbacks").objects():
            yield from (item for _, item in callback.objects())


def _check_environments(holder: Object, problems: Problems) -> None:
    seen: set[str] = set()
    for server in holder.array("servers").objects():
        environment = server.text("x-environment")
        if environment in seen:
            problems.add(server.at("x-environment"), f"another server has the environment '{environment}' already")
        seen |= {environment} - {""}


def _check_credentials(schemes: Object, problems: Problems) -> None:
    for name, fixed in _SENT.items():
        scheme = schemes.object(name)
        for key, value in fixed.items():
            if name in schemes and scheme.text(key).lower() != value.lower():
                problems.add(scheme.at(key), f"the client sends '{name}' with `{key}: {value}` only: {_OTHER}")
