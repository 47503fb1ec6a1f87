"""The driver: it makes the API calls that a session's flow asks for, and returns the steps that need the cardholder.

`Driver` is for web applications, where each event arrives in a separate request. `authenticate` does everything in one
call, for code that can wait for the cardholder (through a websocket or a queue).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

from checkout_async._core.backoff import Backoff
from checkout_async._core.wire import Sender
from checkout_async.clock import Clock
from checkout_async.errors import CheckoutError, Conflict, Forbidden
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import steps
from checkout_async.threeds.flow import Flow
from checkout_async.threeds.result import ThreeDSResult
from checkout_async.threeds.steps import Options, Progress

__all__ = ["CardholderHandler", "Driver", "authenticate"]

CardholderHandler = Callable[[steps.CardholderStep], Awaitable[steps.Event]]
"""Shows a step to the cardholder and returns the event that ends it."""

CardholderData = sessions.BrowserChannelData | sessions.AppChannelData
"""Channel data of a cardholder who is present."""

ChannelData = CardholderData | sessions.MerchantInitiatedChannelData

_POLL: Final = Backoff(initial=0.2, maximum=2.0, give_up_after=30.0)

_clock = Clock()


@contextmanager
def use_clock(clock: Clock) -> Generator[None]:
    """Make this the clock of drivers that are given none, until the block is left. For tests."""
    global _clock  # noqa: PLW0603
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before


def _now() -> float:
    return _clock.now().timestamp()


async def _sleep(seconds: float) -> None:
    await _clock.sleep(seconds)


class Driver:
    """Runs the flow of one session until it has a result.

    `sender` is a client with an access token: a session secret does not give access to the proof. `session` is the
    reply to `request_session` or `get_session`. `channel_data`, if known already, need not come as an event. `poll`
    sets how long and how often a session that is being processed is read; after that the result is `undecided`.

    Keep the driver between requests. Or keep the session's id and `progress` (a Struct that can be stored as JSON), and
    create another driver from the progress and a fresh `get_session`. `now` (seconds since the epoch) and `sleep` are
    for tests.
    """

    def __init__(
        self,
        sender: Sender,
        session: sessions.Session,
        *,
        options: Options | None = None,
        progress: Progress | None = None,
        channel_data: ChannelData | None = None,
        poll: Backoff | None = None,
        now: Callable[[], float] = _now,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
    ) -> None:
        self._sender = sender
        self._flow = Flow(session=session, options=options or Options(), progress=progress or Progress())
        self._channel_data = channel_data
        self._poll_backoff = poll or _POLL
        self._now = now
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._completion_error: CheckoutError | None = None

    @property
    def session(self) -> sessions.Session:
        """The session as it was last read."""
        return self._flow.session

    @property
    def progress(self) -> Progress:
        """How far the cardholder has come."""
        return self._flow.progress

    @property
    def time_left(self) -> float | None:
        """Seconds until the current step times out, at least 0; None if it has no time limit."""
        return self._flow.time_left(self._now())

    async def advance(self, event: steps.Event | None = None) -> steps.CardholderStep | steps.Done:
        """Handle an event, make the API calls that are possible now, and return the next step for the cardholder.

        Without an event, or with one that does not fit, it returns the current step. It notices a passed time limit
        without an event. Concurrent calls on one driver wait for each other. Raises MalformedMessage for a message
        about another session, and the errors of the operations. The driver stays usable after an error; call
        `advance()` to try again.
        """
        async with self._lock:
            if isinstance(event, CardholderData):
                self._channel_data = event
            elif event is not None:
                self._flow = self._flow.handle_event(event, self._now())
            return await self._run_until_cardholder()

    async def _run_until_cardholder(self) -> steps.CardholderStep | steps.Done:
        waits, read_again = self._poll_waits(), False
        while True:
            self._flow = self._flow.tick(self._now())
            step = self._flow.step()
            if isinstance(step, steps.Done):
                if read_again or not self._may_have_changed(step.result):
                    return self._done()
                read_again = True
                await self._read()
            elif isinstance(step, steps.ReadSession):
                if not await self._wait_and_read(waits):
                    return self._done()
            elif isinstance(step, steps.SendChannelData) and self._channel_data is not None:
                await self._update(step, self._send_channel_data(self._channel_data, step.method_completion))
            elif isinstance(step, steps.ReportMethod):
                await self._update(step, self._report_method(step.method_completion))
            elif isinstance(step, steps.Complete):
                await self._complete(step)
            else:
                self._flow = self._flow.mark_shown(self._now())
                return step

    async def _send_channel_data(
        self, data: ChannelData, completion: sessions.ThreeDsMethodCompletion | None
    ) -> sessions.Session:
        if isinstance(data, sessions.BrowserChannelData) and completion is not None:
            data = replace(data, three_ds_method_completion=completion)
        return await operations.update_session(self._sender, self.session.id, data)

    async def _report_method(self, completion: sessions.ThreeDsMethodCompletion) -> sessions.Session:
        body = sessions.ThreeDsMethodCompletionRequest(three_ds_method_completion=completion)
        return await operations.update_three_ds_method_completion(self._sender, self.session.id, body)

    async def _update(self, step: steps.Step, call: Coroutine[None, None, sessions.Session]) -> None:
        """Make a call. If the API refuses it because the session has changed meanwhile, continue from the new state."""
        try:
            session = await call
        except (Forbidden, Conflict):
            before = self.session
            await self._read()
            if (self.session.status, self.session.next_actions) == (before.status, before.next_actions):
                raise
        else:
            self._flow = self._flow.apply_reply(step, session)

    async def _complete(self, step: steps.Complete) -> None:
        """Complete the session. An error is only recorded: the result of the authentication must not be lost."""
        try:
            await operations.complete_session(self._sender, self.session.id)
        except CheckoutError as error:
            self._completion_error = error
        self._flow = self._flow.apply_reply(step)

    def _poll_waits(self) -> Iterator[float]:
        """Yield the seconds to wait before each read. After an event the first read comes at once."""
        if self._flow.progress.refresh_pending:
            yield 0.0
        yield from self._poll_backoff.waits()

    async def _wait_and_read(self, waits: Iterator[float]) -> bool:
        """Read the session after the next wait. Return False if the session stays undecided after the last wait."""
        wait = next(waits, None)
        if wait is None:
            # Nothing confirmed the event: continue with the step that was shown before.
            had_event = self._flow.progress.refresh_pending
            self._flow = self._flow.stop_refreshing()
            return had_event
        if wait:
            await self._sleep(wait)
        await self._read()
        return True

    async def _read(self) -> None:
        session = await operations.get_session(self._sender, self.session.id)
        self._flow = self._flow.apply_reply(steps.ReadSession(), session)

    def _may_have_changed(self, result: ThreeDSResult) -> bool:
        """Whether another read may bring the proof that the last reply lacked, or the end of a late challenge."""
        lacking = result.authenticated and (result.eci is None or result.cryptogram is None)
        return lacking or self.session.status is sessions.SessionStatus.CHALLENGED

    def _done(self) -> steps.Done:
        result = ThreeDSResult.from_session(self.session, timed_out=self.progress.timed_out)
        return steps.Done(replace(result, completion_error=self._completion_error))


async def authenticate(
    sender: Sender,
    session: sessions.Session,
    on_step: CardholderHandler,
    *,
    options: Options | None = None,
    channel_data: ChannelData | None = None,
    poll: Backoff | None = None,
    now: Callable[[], float] = _now,
    sleep: Callable[[float], Awaitable[None]] = _sleep,
) -> ThreeDSResult:
    """Run the flow of a session until it has a result, and return the result.

    `on_step` shows each step to the cardholder and returns the event that ends it. It is cancelled when the step times
    out. A redirect has no time limit: set one yourself if the cardholder may never come back from Checkout.com's page.
    The other arguments are those of `Driver`. Raises the errors of `on_step` and of `Driver.advance`.
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
        step = await driver.advance(await _wait_for_event(on_step(step), driver.time_left, sleep))
    return step.result


async def _wait_for_event(
    event: Awaitable[steps.Event], seconds: float | None, sleep: Callable[[float], Awaitable[None]]
) -> steps.Event:
    """Return the event, or TimedOut if it does not come within so many seconds."""
    if seconds is None:
        return await event
    handler = asyncio.ensure_future(event)
    timer = asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({handler, timer}, return_when=asyncio.FIRST_COMPLETED)
        return handler.result() if handler.done() else steps.TimedOut()
    finally:
        for task in (handler, timer):
            task.cancel()
        await asyncio.gather(handler, timer, return_exceptions=True)
