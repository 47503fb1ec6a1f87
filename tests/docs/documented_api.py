"""An API that answers every request with a documented reply, and refuses what the document does not describe.

Beside the simulator, which has state: a page of the reference shows calls on payments that nobody has made.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from scripts.website.example_bodies import is_valid
from scripts.website.operation_pages import Described, all_operations, replies_of

ECHOED = ("reference", "amount", "currency")


class DocumentedApi:
    """The server. `received` has each request: the operation, its path and its body."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, Any]] = []

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/connect/token", self._token)
        for each in all_operations():
            app.router.add_route(each.operation.method, each.operation.path, self._handler(each))
        return app

    async def _token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"})

    def _handler(self, each: Described) -> Any:
        async def handle(request: web.Request) -> web.Response:
            raw = await request.read()
            body = json.loads(raw) if raw else None
            self.received.append((each.name, request.path_qs, body))
            if body is not None:
                schema = each.document["requestBody"]["content"]["application/json"]["schema"]
                assert is_valid(schema["$ref"].rsplit("/", 1)[1], body), f"{each.name}: the body is not valid"
            return _reply(each, request, body)

        return handle


def _reply(each: Described, request: web.Request, body: Any) -> web.Response:
    """Return the first documented reply, about what the request is about."""
    status = next(int(status) for status in each.document["responses"] if status.startswith("2"))
    replies = list(replies_of(each))
    if not replies:
        return web.Response(status=204)
    reply: Any = replies[0]
    if isinstance(reply, dict):
        echoed = {name: body[name] for name in ECHOED if body and name in body}
        about: dict[str, Any] = {"id": request.match_info["id"]} if "id" in request.match_info and "id" in reply else {}
        reply = dict[str, Any]({**reply, **echoed, **about})
    return web.json_response(reply, status=status)
