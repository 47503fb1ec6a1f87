"""The five Sessions operations: who may call, what is refused, what happens, what is answered.

Each takes a `Call` and gives a `Reply` or raises an ApiRefusal; there is no HTTP here.
"""

from __future__ import annotations

import hmac

from checkout_async.sandbox.core.access import Gate
from checkout_async.sandbox.core.call import Call, Reply
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import (
    bad_gateway,
    callback_failed,
    not_allowed,
    not_found,
    scope_refused,
    session_in_use,
    unauthorized,
)
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.notifier import Notifier
from checkout_async.sandbox.core.payload import member, text
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.core.validation import check_headers, read_body
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import read_device
from checkout_async.sandbox.sessions.order import read_order
from checkout_async.sandbox.sessions.replies import Replies, Viewer
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import Event, Status, require
from checkout_async.sandbox.sessions.store import SessionStore

_SCOPE_OF = {"app": "sessions:app", "browser": "sessions:browser"}
"""Channel -> the scope a token needs for it; merchant-initiated sessions take either."""


class SessionOperations:
    """The operations over one store of sessions."""

    def __init__(
        self,
        spec: ApiSpec,
        gate: Gate,
        store: SessionStore,
        replies: Replies,
        notifier: Notifier,
        clock: SandboxClock,
        mint: Mint,
    ) -> None:
        self._spec = spec
        self._gate = gate
        self._store = store
        self._replies = replies
        self._notifier = notifier
        self._clock = clock
        self._mint = mint

    async def request_session(self, call: Call) -> Reply:
        """Create a session: 202 while it waits for something, 201 once the authentication was requested."""
        scopes = self._gate.token_scopes(call)
        body = read_body(self._spec, call.operation, call.body, call.content_type)
        channel_data = member(body, "channel_data")
        _check_channel(scopes, text(channel_data, "channel"))
        order = read_order(body, self._mint)
        now = self._clock.now()
        session = Session(self._mint.child("session", call.body), order, now)
        if channel_data:
            completion = text(channel_data, "three_ds_method_completion")
            flow.supply_channel_data_early(session, read_device(channel_data), completion, now)
        self._store.add(session)
        if session.status is Status.PENDING:
            return Reply(202, self._replies.accepted(session, Viewer(now)))
        return Reply(201, self._replies.full(session, Viewer(now)))

    async def get_session(self, call: Call) -> Reply:
        """Show a session, restricted to the channel of the header."""
        session, viewer = self._open(call)
        check_headers(self._spec, call.operation, call.headers)
        if session.failing_gets_left:
            session.failing_gets_left -= 1
            raise bad_gateway()
        flow.poll(session, viewer.now)
        return Reply(200, self._replies.full(session, viewer))

    async def update_session(self, call: Call) -> Reply:
        """Take channel data and authenticate."""
        session, viewer = self._open(call)
        body = read_body(self._spec, call.operation, call.body, call.content_type)
        device = read_device(body)
        if viewer.holds_token:
            _check_channel(self._gate.token_scopes(call), device.channel)
        if self._is_new(session, call, Event.SUPPLY_CHANNEL_DATA):
            completion = text(body, "three_ds_method_completion")
            flow.supply_channel_data(session, device, completion, viewer.now)
        return Reply(200, self._replies.full(session, viewer))

    async def update_three_ds_method_completion(self, call: Call) -> Reply:
        """Take the result of the 3DS Method, and authenticate if nothing else is missing."""
        session, viewer = self._open(call)
        body = read_body(self._spec, call.operation, call.body, call.content_type)
        if session.channel == "app":
            raise not_allowed("three_ds_method_not_supported_for_app")
        if not session.has_method_url:
            raise not_allowed("three_ds_method_not_supported_without_url")
        if self._is_new(session, call, Event.REPORT_METHOD):
            flow.report_method(session, text(body, "three_ds_method_completion") or "U", viewer.now)
        return Reply(200, self._replies.fingerprinted(session, viewer))

    async def complete_session(self, call: Call) -> Reply:
        """Complete a finished non-hosted session, once, if its callback is answered with 2XX."""
        session, viewer = self._open(call)
        _check_idle(session)
        require(Event.COMPLETE, session.status)
        if session.order.hosted or session.completed:
            raise not_allowed()
        url = text(session.order.urls, "callback_url")
        if url is not None:
            await self._call_back(session, url, viewer.now)
        session.completed = True
        return Reply(204)

    async def _call_back(self, session: Session, url: str, now: float) -> None:
        session.busy = True
        try:
            delivered = await self._notifier.deliver(url, self._replies.callback(session, Viewer(now)))
        finally:
            session.busy = False
        if not delivered:
            raise callback_failed()

    def _open(self, call: Call) -> tuple[Session, Viewer]:
        """Find the session a call is about and the caller's view of it; raises 401, 403 or 404."""
        session = self._store.find(call.resource_id)
        header = call.headers.get("Authorization", "")
        channel = call.headers.get("channel")
        if call.operation.takes_session_secret and header.startswith("sek_"):
            if session is None or not hmac.compare_digest(session.secret.encode(), header.encode()):
                raise unauthorized()
            return session, Viewer(self._clock.now(), holds_token=False, channel=channel)
        scopes = self._gate.token_scopes(call)
        if session is None:
            raise not_found("session")
        _check_channel(scopes, session.channel)
        return session, Viewer(self._clock.now(), channel=channel)

    def _is_new(self, session: Session, call: Call, event: Event) -> bool:
        """Tell whether to carry an update out; the one accepted before is answered again, any other refused."""
        _check_idle(session)
        if session.updates.get(call.operation.id) == call.digest:
            return False
        require(event, session.status)
        session.updates[call.operation.id] = call.digest
        return True


def _check_channel(scopes: frozenset[str], channel: str | None) -> None:
    needed = _SCOPE_OF.get(channel or "")
    if needed is not None and needed not in scopes:
        raise scope_refused()


def _check_idle(session: Session) -> None:
    if session.busy:
        raise session_in_use()
