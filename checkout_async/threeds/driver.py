"""The driver: makes the calls of the API that a session's flow asks for, and hands out the steps it cannot take.

`Driver` is for web applications, where each event arrives with a request of its own. `authenticate` is one call, for
those who can wait for the cardholder where they are (a websocket, a queue).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Final

import anyio
from msgspec.structs import replace as changed

from checkout_async._core.backoff import Backoff
from checkout_async._core.wire import Sender
from checkout_async.errors import CheckoutError, Conflict, Forbidden
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import steps
from checkout_async.threeds.flow import Flow
from checkout_async.threeds.result import ThreeDSResult
from checkout_async.threeds.state import Options, Progress

__all__ = ["CardholderHandler", "Driver", "authenticate"]

CardholderHandler = Callable[[steps.CardholderStep], Awaitable[steps.Event]]
"""Takes a step to the cardholder and returns what came of it."""

DeviceData = sessions.BrowserChannelData | sessions.AppChannelData
"""Channel data of a cardholder who is present."""

_POLL: Final = Backoff(initial=0.2, maximum=2.0, give_up_after=30.0)


class Driver:
    """Takes one session to its end.

    `sender` is a client with an access token (a session secret would not see the proof), `session` the reply to
    `request_session` or `get_session`. With `channel_data` given, they need not come as an event. `poll` says how
    long a session that is being processed is polled; when it ends, the result is `undecided`.

    Keep the driver between requests, or keep the session's id and `progress` (a Struct to be written as JSON) and make
    another one with both and a fresh `get_session`. `now` (seconds since the epoch) and `sleep` are for tests.
    """

    def __init__(
        self,
        sender: Sender,
        session: sessions.Session,
        *,
        options: Options | None = None,
        progress: Progress | None = None,
        channel_data: DeviceData | None = None,
        poll: Backoff | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._sender = sender
        self._flow = Flow(session=session, options=options or Options(), progress=progress or Progress())
        self._channel_data = channel_data
        self._backoff = poll or _POLL
        self._now = now
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._completion_failure: CheckoutError | None = None

    @property
    def session(self) -> sessions.Session:
        """The session as it was last seen."""
        return self._flow.session

    @property
    def progress(self) -> Progress:
        """How far the cardholder has come."""
        return self._flow.progress

    @property
    def time_left(self) -> float | None:
        """Seconds until the present step times out, 0 or more; None where time does not count."""
        return self._flow.time_left(self._now())

    async def advance(self, event: steps.Event | None = None) -> steps.CardholderStep | steps.Done:
        """Take note of an event, call the API as far as it goes, and return what the cardholder is needed for.

        Without an event, or with one that does not fit, it says again where things stand; a time limit that has passed
        is noticed by itself. Calls on one driver wait for each other. Raises MalformedMessage for a message about
        another session, and the errors of the operations; the driver stays usable, and `advance()` tries again.
        """
        async with self._lock:
            if isinstance(event, DeviceData):
                self._channel_data = event
            elif event is not None:
                self._flow = self._flow.after(event, self._now())
            return await self._until_cardholder()

    async def _until_cardholder(self) -> steps.CardholderStep | steps.Done:
        waits, read_again = self._waits(), False
        while True:
            self._flow = self._flow.at(self._now())
            step = self._flow.step()
            if isinstance(step, steps.Done):
                if read_again or not self._may_have_changed(step.result):
                    return self._done()
                read_again = True
                await self._read()
            elif isinstance(step, steps.ReadSession):
                if not await self._poll(waits):
                    return self._done()
            elif isinstance(step, steps.SendChannelData) and self._channel_data is not None:
                await self._update(step, self._send(self._channel_data, step.method_completion))
            elif isinstance(step, steps.ReportMethod):
                await self._update(step, self._report(step.method_completion))
            elif isinstance(step, steps.Complete):
                await self._complete(step)
            else:
                self._flow = self._flow.begun(self._now())
                return step

    async def _send(self, data: DeviceData, completion: sessions.ThreeDsMethodCompletion | None) -> sessions.Session:
        if isinstance(data, sessions.BrowserChannelData) and completion is not None:
            data = changed(data, three_ds_method_completion=completion)
        return await operations.update_session(self._sender, self.session.id, data)

    async def _report(self, completion: sessions.ThreeDsMethodCompletion) -> sessions.Session:
        body = sessions.ThreeDsMethodCompletionRequest(three_ds_method_completion=completion)
        return await operations.update_three_ds_method_completion(self._sender, self.session.id, body)

    async def _update(self, step: steps.Step, call: Coroutine[None, None, sessions.Session]) -> None:
        """Make a call; where the session no longer takes it, find out what it has become in the meantime."""
        try:
            session = await call
        except (Forbidden, Conflict):
            before = self.session
            await self._read()
            if (self.session.status, self.session.next_actions) == (before.status, before.next_actions):
                raise
        else:
            self._flow = self._flow.replied(step, session)

    async def _complete(self, step: steps.Complete) -> None:
        """Complete the session. The authentication is over and its result must not be lost for this."""
        try:
            await operations.complete_session(self._sender, self.session.id)
        except CheckoutError as error:
            self._completion_failure = error
        self._flow = self._flow.replied(step)

    def _waits(self) -> Iterator[float]:
        """Yield the waits before each read: none where an event says that there is something to see."""
        if self._flow.progress.looking:
            yield 0.0
        yield from self._backoff.waits()

    async def _poll(self, waits: Iterator[float]) -> bool:
        """Read the session after the next wait. Return False if no wait is left."""
        wait = next(waits, None)
        if wait is None:
            believed = self._flow.progress.looking
            self._flow = self._flow.disregard()
            return believed
        if wait:
            await self._sleep(wait)
        await self._read()
        return True

    async def _read(self) -> None:
        session = await operations.get_session(self._sender, self.session.id)
        self._flow = self._flow.replied(steps.ReadSession(), session)

    def _may_have_changed(self, result: ThreeDSResult) -> bool:
        """Whether one more read may bring the proof that the last reply lacked, or the end of a late challenge."""
        lacking = result.authenticated and (result.eci is None or result.cryptogram is None)
        return lacking or self.session.status is sessions.SessionStatus.CHALLENGED

    def _done(self) -> steps.Done:
        result = ThreeDSResult.of(self.session, overdue=self.progress.overdue)
        return steps.Done(replace(result, completion_failure=self._completion_failure))


async def authenticate(
    sender: Sender,
    session: sessions.Session,
    ask: CardholderHandler,
    *,
    options: Options | None = None,
    channel_data: DeviceData | None = None,
    poll: Backoff | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> ThreeDSResult:
    """Take a session to its end and return the result.

    `ask` takes each step to the cardholder and returns the event that ends it; it is cancelled when the step's time is
    over. Wait for it with a time limit of your own where a cardholder may never come back from Checkout.com's page.
    The other arguments are those of `Driver`. Raises what `ask` and `Driver.advance` raise.
    """
    driver = Driver(
        sender,
        session,
        options=options,
        channel_data=channel_data,
        poll=poll,
        now=now,
        sleep=sleep,
    )
    step = await driver.advance()
    while not isinstance(step, steps.Done):
        step = await driver.advance(await _answer(ask(step), driver.time_left, sleep))
    return step.result


async def _answer(
    answer: Awaitable[steps.Event], seconds: float | None, sleep: Callable[[float], Awaitable[None]]
) -> steps.Event:
    """Return the answer, or TimedOut where it does not come within so many seconds."""
    if seconds is None:
        return await answer
    asking = asyncio.ensure_future(answer)
    timer = asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({asking, timer}, return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else steps.TimedOut()
    finally:
        for task in (asking, timer):
            task.cancel()
        await asyncio.gather(asking, timer, return_exceptions=True)
