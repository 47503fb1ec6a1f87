"""One record from request to result: create the session and follow its next actions as far as a machine can.

The driver of `threeds` decides and makes the calls. There is no browser to run the 3DS Method and no cardholder to
answer a challenge: the 3DS Method is reported as not completed (integration guide, "issuer fingerprint"), and a
challenge or a hosted page ends the flow with the session as it is. Completing a session is left to the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

import msgspec

from checkout_async._core.wire import ApiRequest, CallOptions, Sender
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.records import Record
from checkout_async.errors import InvalidRequest, MalformedMessage
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import Driver, Options, SendChannelData, Verdict
from checkout_async.threeds.result import verdict_of

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
    "no channel data: add channel_data to the record, or give some for all such records with --channel-data FILE; "
    "--fake-browser-data makes up a browser, for tests only"
)


def check_channel_data(request: sessions.SessionRequest | Mapping[str, object], shared: object) -> None:
    """Raise InvalidRequest for a request that needs channel data and has none, if there are no `shared` ones.

    A hosted session needs none: Checkout.com's page collects them.
    """
    if shared is None and _member(request, "channel_data") is None and not _is_hosted(_member(request, "completion")):
        raise _missing()


def _is_hosted(completion: object) -> bool:
    return isinstance(completion, sessions.HostedCompletionInfo) or _member(completion, "type") == "hosted"


def _member(value: object, name: str) -> object:
    is_mapping = isinstance(value, (dict, Mapping))  # most are dicts, and to ask an ABC costs ten times as much
    found = cast("Mapping[str, object]", value).get(name) if is_mapping else getattr(value, name, None)
    return None if found is msgspec.UNSET else found


def _missing() -> InvalidRequest:
    return InvalidRequest(_MISSING, operation=operations.REQUEST_SESSION.name, path="$.channel_data", reason=_MISSING)


class RecordFlow:
    """The steps of one session, by the driver of `threeds`. Each step is taken at most once, so that a run always ends.

    `session` is the session as last seen. With a `session_id` the session exists already: the run reads it and
    continues from there, so a run that failed half-way can be repeated without creating a second session. `on_session`
    is called with the id of a new session before its first further step, `on_first_reply` with the name of the
    operation that brought the first reply. `before_send` and `on_unsent` are those of the request for a new session
    (`CallOptions`).
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
        self.before_send: Callable[[], Awaitable[None]] | None = None
        self.on_unsent: Callable[[], None] | None = None
        self.session_id = session_id
        self.session: sessions.Session | None = None

    async def run(self, record: Record) -> None:
        """Take steps until only the cardholder can continue. Raises the errors of the operations."""
        is_new = self.session_id is None
        self.session = session = await self._begin(record)
        if is_new and self._on_session is not None and not _is_settled(session):
            # Before the first step that can fail: if one does, a later run finds the session by its id.
            self._on_session(session.id)
        if _is_settled(session):
            return
        driver = Driver(
            self._sender,
            session,
            options=_flow_options(record.request),
            channel_data=self._options.channel_data,
            poll=self._options.poll,
        )
        try:
            step = await driver.advance()
        except MalformedMessage:
            # The step is one for a browser, which is not here: the session stays as it is.
            step = None
        finally:
            self.session = driver.session
        if isinstance(step, SendChannelData):
            raise _missing()

    async def _begin(self, record: Record) -> sessions.Session:
        if self.session_id is not None:
            session, operation = await operations.get_session(self._sender, self.session_id), operations.GET_SESSION
        else:
            check_channel_data(record.request, self._options.channel_data)
            options = CallOptions(
                validate=self._options.validate, before_send=self.before_send, on_unsent=self.on_unsent
            )
            request = ApiRequest(operation=operations.REQUEST_SESSION, body=record.request, options=options)
            session = (await self._sender.send(request)).value
            self.session_id, operation = session.id, operations.REQUEST_SESSION
        if self.on_first_reply is not None:
            self.on_first_reply(operation.name)
        return session


def _is_settled(session: sessions.Session) -> bool:
    """Whether the reply to the request has all that the driver could bring: the usual case, kept quick."""
    verdict = verdict_of(session)
    if verdict is Verdict.AUTHENTICATED or verdict is Verdict.ATTEMPTED:
        return session.eci is not None and session.cryptogram is not None
    return verdict is not Verdict.UNDECIDED


def _flow_options(request: sessions.SessionRequest | Mapping[str, object]) -> Options:
    """Return the options of the flow. No issuer is given a URL for the 3DS Method: there is no browser to run it."""
    data = _member(request, "channel_data")
    is_app = isinstance(data, sessions.AppChannelData) or _member(data, "channel") == sessions.ChannelType.APP
    return Options(app=is_app)
