"""The remaining time of a challenge, shown on its page; when it is over, the page continues without a click.

The time is that of the sandbox's clock, which a test may advance or stop, so the page cannot count by itself. It polls
this endpoint, which answers when the clock jumps, when the challenge times out, or after 20 seconds.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from html import escape

from aiohttp import web

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.pages.html import error_page
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionStatus
from checkout_async.sandbox.sessions.store import SessionStore

LEFT_PATH = f"{CHALLENGE_PATH}/{{transaction}}/left"
OVER = "over"
"""Id of the form that the script submits at the end."""
_POLL_SECONDS = 20.0
"""Seconds of real time after which a poll is answered even if nothing happened."""

SCRIPT = f"""
(async () => {{
  const left = document.getElementById('left');
  for (;;) {{
    const {{ seconds }} = await (await fetch(left.dataset.source)).json();
    if (!seconds) break;
    left.textContent = Math.ceil(seconds / 60);
  }}
  document.getElementById('{OVER}').submit();
}})().catch(() => {{}});  // the server is gone
"""


class Countdown:
    """Answers the polls of challenge pages."""

    def __init__(self, store: SessionStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()

    def register(self, app: web.Application) -> None:
        """Register the path, and subscribe to the clock until the application shuts down."""
        app.router.add_get(LEFT_PATH, self._poll)
        self._clock.subscribe(self._wake)
        app.on_shutdown.append(self._stop)

    def html(self, session: Session) -> str:
        """Write the remaining minutes, with the address that the script polls."""
        source = escape(LEFT_PATH.format(transaction=session.transaction_id))
        minutes = math.ceil(self._seconds(session) / 60)
        timer = f'<span id="left" role="timer" data-source="{source}">{minutes}</span>'
        return f'<p class="small">Minutes left: {timer}</p>'

    async def _poll(self, request: web.Request) -> web.StreamResponse:
        session = self._store.find_by_transaction_id(request.match_info["transaction"])
        if session is None:
            return error_page("There is no such challenge.", 404)
        if session.status is SessionStatus.CHALLENGED:
            await self._wait(flow.due(session))
            self._store.find(session.id)
        return web.json_response({"seconds": self._seconds(session)}, headers={"Cache-Control": "no-store"})

    def _seconds(self, session: Session) -> int:
        """Return the remaining seconds, 0 once the challenge is over."""
        is_over = session.status is not SessionStatus.CHALLENGED
        return 0 if is_over else math.ceil(flow.due(session) - self._clock.now())

    async def _wait(self, due: float) -> None:
        until = self._clock.until(due)
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS if until is None else min(until, _POLL_SECONDS)):
                await self._woken.wait()

    def _wake(self) -> None:
        """Answer all waiting polls."""
        self._woken.set()
        self._woken = asyncio.Event()

    async def _stop(self, _app: web.Application) -> None:
        self._clock.unsubscribe(self._wake)
        self._wake()
