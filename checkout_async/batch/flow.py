"""One record from request to result: create the session and follow its next actions as far as a machine can.

Nobody runs the 3DS Method here and nobody answers a challenge: the first is reported as not completed (integration
guide, "issuer fingerprint"), a challenge or a hosted page ends the flow with the session as it is. Completing a
session is optional and left to the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import anyio
import msgspec

from checkout_async._core.patience import Patience
from checkout_async._core.wire import Sender
from checkout_async.batch.outcome import Failure, Outcome
from checkout_async.batch.records import BadLine, Record
from checkout_async.errors import CheckoutError
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations

__all__ = ["DEFAULT_CHANNEL_DATA", "Patience", "SharedChannelData", "authenticate_one"]

SharedChannelData = sessions.BrowserChannelData | sessions.MerchantInitiatedChannelData
"""Channel data that more than one session may have; those of an app belong to a single transaction."""

DEFAULT_CHANNEL_DATA: Final = sessions.BrowserChannelData(
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
"""A made-up browser at a documentation address (RFC 5737), for requests without channel data."""

_AUTHENTICATED = frozenset({sessions.SessionStatus.APPROVED, sessions.SessionStatus.ATTEMPTED})


async def authenticate_one(
    sender: Sender, item: Record | BadLine, channel_data: SharedChannelData, patience: Patience
) -> Outcome:
    """Authenticate one record. Whatever goes wrong becomes part of its outcome, with what is known of the session."""
    if isinstance(item, BadLine):
        return Outcome.malformed(item)
    flow = _Flow(sender, channel_data, patience)
    try:
        await flow.run(item)
    except CheckoutError as error:
        return Outcome.of(item, flow.session, Failure.of(error))
    except Exception as error:  # noqa: BLE001  # the other records' results must not be lost by a defect in this one
        return Outcome.of(item, flow.session, Failure.defect(error))
    return Outcome.of(item, flow.session)


_Step = Callable[[sessions.Session], Awaitable[sessions.Session]]


class _Flow:
    """The steps of one session. Each is taken at most once, but for polling, so that a flow always ends."""

    def __init__(self, sender: Sender, channel_data: SharedChannelData, patience: Patience) -> None:
        self._sender = sender
        self._channel_data = channel_data
        self._waits = patience.waits()
        self._taken: set[_Step] = set()
        self.session: sessions.Session | None = None

    async def run(self, record: Record) -> None:
        """Go on until nothing is left that a machine could do; `session` is what was last seen."""
        self.session = session = await operations.request_session(self._sender, record.request)
        while (step := self._next_step(session)) is not None:
            self._taken.add(step)
            self.session = session = await step(session)

    def _next_step(self, session: sessions.Session) -> _Step | None:
        if session.status == sessions.SessionStatus.PROCESSING:
            return self._poll(wait) if (wait := next(self._waits, None)) is not None else None
        return next((step for step in self._due(session) if step not in self._taken), None)

    def _due(self, session: sessions.Session) -> Iterator[_Step]:
        actions = session.next_actions or ()
        if sessions.NextAction.COLLECT_CHANNEL_DATA in actions:
            yield self._supply_channel_data
        elif sessions.NextAction.ISSUER_FINGERPRINT in actions:
            yield self._report_method_not_completed
        elif session.status in _AUTHENTICATED and (session.eci is None or session.cryptogram is None):
            yield self._read

    async def _supply_channel_data(self, session: sessions.Session) -> sessions.Session:
        data = self._channel_data
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

    def _poll(self, wait: float) -> _Step:
        async def poll(session: sessions.Session) -> sessions.Session:
            await anyio.sleep(wait)
            return await self._read(session)

        return poll
