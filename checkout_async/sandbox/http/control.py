"""Control endpoints under `/_sandbox` for other processes: play the cardholder or customer, advance the clock.

They need no credential. So that no web page can use them, they want `Content-Type: application/json`, which a browser
sends to another origin only after asking, and refuse a foreign `Origin` with 403. A request that is impossible in the
current state gets 409 with `{"error": "what and why"}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from checkout_async.sandbox.core.clock import SandboxClock, timestamp
from checkout_async.sandbox.core.payload import JsonObject, drop_none, is_object, text
from checkout_async.sandbox.http.hosts import AllowedHosts
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.sessions.cardholder import Cardholder, CardholderError

ROOT = "/_sandbox"

_Action = Callable[[str, JsonObject], Awaitable[JsonObject]]


class ControlEndpoints:
    """The handlers of the paths; each takes an identifier (or an empty string) and a JSON object and returns one."""

    def __init__(self, cardholder: Cardholder, customer: Customer, clock: SandboxClock, hosts: AllowedHosts) -> None:
        self._cardholder = cardholder
        self._customer = customer
        self._clock = clock
        self._hosts = hosts

    def register(self, app: web.Application) -> None:
        """Register the paths."""
        actions: dict[str, _Action] = {
            "/sessions/{id}/3ds-method": self._run_method,
            "/sessions/{id}/challenge": self._complete_challenge,
            "/sessions/{id}/challenge/abandon": self._abandon_challenge,
            "/sessions/{id}/hosted": self._finish_hosted,
            "/payments/{id}/approve": self._approve,
            "/payments/{id}/fail": self._fail,
            "/payments/{id}/cancel": self._cancel,
            "/clock": self._advance,
        }
        for path, action in actions.items():
            app.router.add_post(ROOT + path, self._handler(action))

    async def _run_method(self, session_id: str, _body: JsonObject) -> JsonObject:
        return {"three_ds_method_completion": await self._cardholder.run_three_ds_method(session_id)}

    async def _complete_challenge(self, session_id: str, body: JsonObject) -> JsonObject:
        returned = await self._cardholder.complete_challenge(session_id, text(body, "transStatus"))
        return drop_none(
            {"cres": returned.cres, "notification_url": returned.notification_url, "event": returned.event}
        )

    async def _abandon_challenge(self, session_id: str, _body: JsonObject) -> JsonObject:
        await self._cardholder.abandon_challenge(session_id)
        return {}

    async def _finish_hosted(self, session_id: str, body: JsonObject) -> JsonObject:
        return {"url": await self._cardholder.finish_hosted(session_id, text(body, "transStatus"))}

    async def _approve(self, payment_id: str, _body: JsonObject) -> JsonObject:
        return {"url": await self._customer.approve(payment_id)}

    async def _fail(self, payment_id: str, _body: JsonObject) -> JsonObject:
        return {"url": await self._customer.fail(payment_id)}

    async def _cancel(self, payment_id: str, _body: JsonObject) -> JsonObject:
        return {"url": await self._customer.cancel(payment_id)}

    async def _advance(self, _session_id: str, body: JsonObject) -> JsonObject:
        seconds = body.get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise CardholderError('the body must be {"advance": seconds}')
        try:
            self._clock.advance(seconds)
        except ValueError as error:
            raise CardholderError(str(error)) from None
        return {"now": timestamp(self._clock.now())}

    def _handler(self, action: _Action) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            refusal = self._hosts.origin_refusal(request.headers.get("Origin"))
            if refusal is not None:
                return json_response(403, {"error": refusal})
            if request.content_type != "application/json":
                return json_response(415, {"error": "send the header Content-Type: application/json"})
            try:
                body = _read_object(await request.read())
                reply = await action(request.match_info.get("id", ""), body)
            except CardholderError as error:
                return json_response(409, {"error": str(error)})
            return json_response(200, reply)

        return handle


def _read_object(body: bytes) -> JsonObject:
    if not body.strip():
        return {}
    try:
        decoded: object = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = None
    if not is_object(decoded):
        raise CardholderError("the body must be a JSON object, or empty")
    return decoded


def json_response(status: int, body: object) -> web.Response:
    """Return a reply with a JSON body."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
