"""One record from request to result: create the session and follow its next actions as far as a machine can.

There is no browser to run the 3DS Method and no cardholder to answer a challenge. The 3DS Method is reported as not
completed (integration guide, "issuer fingerprint"). A challenge or a hosted page ends the flow with the session as it
is. Completing a session is optional and left to the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, cast

import anyio
import msgspec

from checkout_async._core.wire import Sender
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.records import Record
from checkout_async.errors import InvalidRequest
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations

__all__ = ["FAKE_BROWSER_DATA", "RecordFlow", "check_channel_data"]

FAKE_BROWSER_DATA: Final = sessions.BrowserChannelData(
    accept_header="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    java_enabled=False,
    javascript_enabled=True,
    language="en-GB",
    color_depth="24",
    screen_height="1080",
    screen_width="1920",
    timezone="0",
    user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ip_address="192.0.2.1",
)
"""A made-up browser at a documentation address (RFC 5737), for tests: in production an issuer would judge by it."""

_MISSING: Final = (
    "no channel data: add channel_data to the request, or give some for all such requests (--channel-data FILE, "
    "channel_data=); --fake-browser-data or FAKE_BROWSER_DATA makes up a browser, for tests only"
)

_AUTHENTICATED = frozenset({sessions.SessionStatus.APPROVED, sessions.SessionStatus.ATTEMPTED})

_Step = Callable[[sessions.Session], Awaitable[sessions.Session]]


def check_channel_data(request: sessions.SessionRequest | Mapping[str, object], shared: object) -> None:
    """Raise InvalidRequest for a request that needs channel data and has none, if there are no `shared` ones.

    A hosted session needs none: Checkout.com's page collects them.
    """
    if shared is None and _member(request, "channel_data") is None and not _is_hosted(_member(request, "completion")):
        raise _missing()


def _is_hosted(completion: object) -> bool:
    return isinstance(completion, sessions.HostedCompletionInfo) or _member(completion, "type") == "hosted"


def _member(value: object, name: str) -> object:
    found = cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return None if found is msgspec.UNSET else found


def _missing() -> InvalidRequest:
    return InvalidRequest(_MISSING, operation=operations.REQUEST_SESSION.name, path="$.channel_data", reason=_MISSING)


class RecordFlow:
    """The steps of one session. Each step except polling is taken at most once in a run, so that a run always ends.

    `session` is the session as last seen. With a `session_id` the session exists already: the run reads it and
    continues from there, so a run that failed half-way can be repeated without creating a second session. `on_session`
    is called with the id of a new session before its first further step, `on_first_reply` with the name of the
    operation that brought the first reply.
    """

    def __init__(
        self,
        sender: Sender,
        options: BatchOptions,
        session_id: str | None = None,
        on_session: Callable[[str], None] | None = None,
    ) -> None:
        self._sender = sender
        self._options = options
        self._on_session = on_session
        self.on_first_reply: Callable[[str], None] | None = None
        self.session_id = session_id
        self.session: sessions.Session | None = None

    async def run(self, record: Record) -> None:
        """Take steps until only the cardholder can continue. Raises the errors of the operations."""
        waits, taken = self._options.poll.waits(), set[_Step]()
        is_new = self.session_id is None
        self.session = session = await self._begin(record)
        while (step := self._next_step(session, waits, taken)) is not None:
            # Before the first step that can fail: if one does, a later run finds the session by its id.
            if is_new and not taken and self._on_session is not None:
                self._on_session(session.id)
            taken.add(step)
            self.session = session = await step(session)

    async def _begin(self, record: Record) -> sessions.Session:
        operation = operations.REQUEST_SESSION if self.session_id is None else operations.GET_SESSION
        if self.session_id is not None:
            session = await operations.get_session(self._sender, self.session_id)
        else:
            check_channel_data(record.request, self._options.channel_data)
            session = await operations.request_session(self._sender, record.request, validate=self._options.validate)
            self.session_id = session.id
        if self.on_first_reply is not None:
            self.on_first_reply(operation.name)
        return session

    def _next_step(self, session: sessions.Session, waits: Iterator[float], taken: set[_Step]) -> _Step | None:
        if session.status == sessions.SessionStatus.PROCESSING:
            return self._after(wait) if (wait := next(waits, None)) is not None else None
        return next((step for step in self._due(session) if step not in taken), None)

    def _due(self, session: sessions.Session) -> Iterator[_Step]:
        actions = session.next_actions or ()
        if sessions.NextAction.COLLECT_CHANNEL_DATA in actions:
            yield self._supply_channel_data
        elif sessions.NextAction.ISSUER_FINGERPRINT in actions:
            yield self._report_method_not_completed
        elif session.status in _AUTHENTICATED and (session.eci is None or session.cryptogram is None):
            yield self._read

    async def _supply_channel_data(self, session: sessions.Session) -> sessions.Session:
        data = self._options.channel_data
        if data is None:
            raise _missing()
        if isinstance(data, sessions.BrowserChannelData):
            has_method = sessions.NextAction.ISSUER_FINGERPRINT in (session.next_actions or ())
            completion = sessions.ThreeDsMethodCompletion.N if has_method else sessions.ThreeDsMethodCompletion.U
            data = msgspec.structs.replace(data, three_ds_method_completion=completion)
        return await operations.update_session(self._sender, session.id, data)

    async def _report_method_not_completed(self, session: sessions.Session) -> sessions.Session:
        body = sessions.ThreeDsMethodCompletionRequest(three_ds_method_completion=sessions.ThreeDsMethodCompletion.N)
        return await operations.update_three_ds_method_completion(self._sender, session.id, body)

    async def _read(self, session: sessions.Session) -> sessions.Session:
        return await operations.get_session(self._sender, session.id)

    def _after(self, wait: float) -> _Step:
        async def poll(session: sessions.Session) -> sessions.Session:
            await anyio.sleep(wait)
            return await self._read(session)

        return poll
