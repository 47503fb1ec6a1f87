"""Paths of the sandbox's own, under `/_sandbox`, for other processes: play the cardholder or customer, move the clock.

They take no credential. A script that asks for the impossible gets 409 with `{"error": "what and why"}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from checkout_async.sandbox.core.clock import SandboxClock, timestamp
from checkout_async.sandbox.core.payload import JsonObject, is_object, present, text
from checkout_async.sandbox.payments.customer import Customer
from checkout_async.sandbox.sessions.cardholder import Cardholder, CardholderError

ROOT = "/_sandbox"

_Control = Callable[[str, JsonObject], Awaitable[JsonObject]]


class Control:
    """The handlers behind the paths; each takes an identifier (or nothing) and a JSON object and answers with one."""

    def __init__(self, cardholder: Cardholder, customer: Customer, clock: SandboxClock) -> None:
        self._cardholder = cardholder
        self._customer = customer
        self._clock = clock

    def add_to(self, app: web.Application) -> None:
        """Register the paths."""
        controls: dict[str, _Control] = {
            "/sessions/{id}/3ds-method": self._run_method,
            "/sessions/{id}/challenge": self._complete_challenge,
            "/sessions/{id}/challenge/abandon": self._abandon_challenge,
            "/sessions/{id}/hosted": self._finish_hosted,
            "/payments/{id}/approve": self._approve,
            "/payments/{id}/fail": self._fail,
            "/payments/{id}/cancel": self._cancel,
            "/clock": self._advance,
        }
        for path, control in controls.items():
            app.router.add_post(ROOT + path, _handler(control))

    async def _run_method(self, session_id: str, _body: JsonObject) -> JsonObject:
        return {"three_ds_method_completion": await self._cardholder.run_three_ds_method(session_id)}

    async def _complete_challenge(self, session_id: str, body: JsonObject) -> JsonObject:
        back = await self._cardholder.complete_challenge(session_id, text(body, "transStatus"))
        return present({"cres": back.cres, "notification_url": back.notification_url, "event": back.event})

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
        except ValueError as problem:
            raise CardholderError(str(problem)) from None
        return {"now": timestamp(self._clock.now())}


def _handler(control: _Control) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = _read(await request.read())
            answer = await control(request.match_info.get("id", ""), body)
        except CardholderError as problem:
            return _json(409, {"error": str(problem)})
        return _json(200, answer)

    return handle


def _read(body: bytes) -> JsonObject:
    if not body.strip():
        return {}
    try:
        decoded: object = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = None
    if not is_object(decoded):
        raise CardholderError("the body must be a JSON object, or empty")
    return decoded


def _json(status: int, body: JsonObject) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
