"""The five Sessions operations: each checks the credential and the request, changes the session and writes the reply.

Each takes an `ApiCall` and returns an `ApiReply` or raises an ApiRefusal; there is no HTTP here.
"""

from __future__ import annotations

import hmac

from checkout_async.sandbox.core.calls import ApiCall, ApiReply, OperationHandler
from checkout_async.sandbox.core.errors import (
    bad_gateway,
    callback_failed,
    not_allowed,
    not_found,
    scope_refused,
    session_in_use,
    unauthorized,
)
from checkout_async.sandbox.core.payload import member, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import read_device
from checkout_async.sandbox.sessions.card_tokens import CardTokens
from checkout_async.sandbox.sessions.replies import SessionReplies, Viewer
from checkout_async.sandbox.sessions.request import parse_request
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionEvent, SessionStatus, require_allowed
from checkout_async.sandbox.sessions.store import SessionStore

_SCOPE_OF = {"app": "sessions:app", "browser": "sessions:browser"}
"""Channel -> the scope that a token needs for it; merchant-initiated sessions accept either."""


class SessionOperations:
    """The operations over one store of sessions."""

    def __init__(self, simulation: Simulation, store: SessionStore, card_tokens: CardTokens) -> None:
        self._reader = simulation.reader
        self._access = simulation.access
        self._notifier = simulation.notifier
        self._clock = simulation.clock
        self._ids = simulation.ids
        self._store = store
        self._card_tokens = card_tokens
        self._replies = SessionReplies(simulation)

    def handlers(self) -> dict[str, OperationHandler]:
        """Return the operations by operationId."""
        return {
            "request_session": self.request_session,
            "get_session": self.get_session,
            "update_session": self.update_session,
            "update_three_ds_method_completion": self.update_three_ds_method_completion,
            "complete_session": self.complete_session,
        }

    async def request_session(self, call: ApiCall) -> ApiReply:
        """Create a session: 202 if it waits for something, 201 if the authentication was requested at once."""
        scopes = self._access.token_scopes(call)
        body = self._reader.body(call)
        channel_data = member(body, "channel_data")
        _check_channel(scopes, text(channel_data, "channel"))
        request = parse_request(self._card_tokens.resolve(body, api=call.operation.api), self._ids)
        now = self._clock.now()
        session = Session(self._ids.fork("session", call.body), request, now)
        if channel_data:
            completion = text(channel_data, "three_ds_method_completion")
            flow.supply_channel_data_early(session, read_device(channel_data), completion, now)
        self._store.add(session)
        self._card_tokens.mark_used(body)
        if session.status is SessionStatus.PENDING:
            return ApiReply(202, self._replies.accepted(session, Viewer(now)))
        return ApiReply(201, self._replies.full(session, Viewer(now)))

    async def get_session(self, call: ApiCall) -> ApiReply:
        """Return a session; its next actions are restricted to the channel of the header."""
        session, viewer = self._open(call)
        if session.failing_gets_left:
            session.failing_gets_left -= 1
            raise bad_gateway()
        flow.poll(session, viewer.now)
        return ApiReply(200, self._replies.full(session, viewer))

    async def update_session(self, call: ApiCall) -> ApiReply:
        """Accept channel data and authenticate."""
        session, viewer = self._open(call)
        body = self._reader.body(call)
        device = read_device(body)
        if viewer.has_token:
            _check_channel(self._access.token_scopes(call), device.channel)
        if self._is_new(session, call, SessionEvent.SUPPLY_CHANNEL_DATA):
            completion = text(body, "three_ds_method_completion")
            flow.supply_channel_data(session, device, completion, viewer.now)
        return ApiReply(200, self._replies.full(session, viewer))

    async def update_three_ds_method_completion(self, call: ApiCall) -> ApiReply:
        """Accept the result of the 3DS Method, and authenticate if nothing else is missing."""
        session, viewer = self._open(call)
        body = self._reader.body(call)
        if session.channel == "app":
            raise not_allowed("three_ds_method_not_supported_for_app")
        if not session.has_method_url:
            raise not_allowed("three_ds_method_not_supported_without_url")
        if self._is_new(session, call, SessionEvent.REPORT_METHOD):
            flow.report_method(session, text(body, "three_ds_method_completion") or "U", viewer.now)
        return ApiReply(200, self._replies.method_reported(session, viewer))

    async def complete_session(self, call: ApiCall) -> ApiReply:
        """Complete a finished non-hosted session once, if its callback is answered with 2XX."""
        session, viewer = self._open(call)
        _check_idle(session)
        require_allowed(SessionEvent.COMPLETE, session.status)
        if session.request.hosted or session.completed:
            raise not_allowed()
        url = text(session.request.urls, "callback_url")
        if url is not None:
            await self._call_back(session, url, viewer.now)
        session.completed = True
        return ApiReply(204)

    async def _call_back(self, session: Session, url: str, now: float) -> None:
        session.busy = True
        try:
            delivered = await self._notifier.deliver(url, self._replies.callback(session, Viewer(now)))
        finally:
            session.busy = False
        if not delivered:
            raise callback_failed()

    def _open(self, call: ApiCall) -> tuple[Session, Viewer]:
        """Find the session of a call and the caller's view of it; raises 401, 403 or 404."""
        session = self._store.find(call.resource_id)
        header = call.headers.get("Authorization", "")
        if call.operation.takes_session_secret and header.startswith("sek_"):
            if session is None or not hmac.compare_digest(session.secret.encode(), header.encode()):
                raise unauthorized()
            return session, Viewer(self._clock.now(), has_token=False, channel=self._channel_header(call))
        scopes = self._access.token_scopes(call)
        if session is None:
            raise not_found("session")
        _check_channel(scopes, session.channel)
        return session, Viewer(self._clock.now(), channel=self._channel_header(call))

    def _channel_header(self, call: ApiCall) -> str | None:
        return text(self._reader.headers(call), "channel")

    def _is_new(self, session: Session, call: ApiCall, event: SessionEvent) -> bool:
        """Return whether an update is to be carried out: not if the same one was accepted before; raises 403, 409."""
        _check_idle(session)
        if session.updates.get(call.operation.id) == call.digest:
            return False
        require_allowed(event, session.status)
        session.updates[call.operation.id] = call.digest
        return True


def _check_channel(scopes: frozenset[str], channel: str | None) -> None:
    needed = _SCOPE_OF.get(channel or "")
    if needed is not None and needed not in scopes:
        raise scope_refused()


def _check_idle(session: Session) -> None:
    if session.busy:
        raise session_in_use()
