"""The time a challenge has left, told to its page: when it is over, the page goes on without a click.

Time is that of the sandbox's clock, which a test moves or stops, so the page does not count by itself: it asks here,
and is answered when the clock jumps, when the challenge's time is up, or after a while.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from html import escape

from aiohttp import web

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.pages.page import problem
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.replies import CHALLENGE_PATH
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import Status
from checkout_async.sandbox.sessions.store import SessionStore

LEFT_PATH = f"{CHALLENGE_PATH}/{{transaction}}/left"
OVER = "over"
"""Identifies the form that the script submits in the end."""
_PATIENCE = 20.0
"""Seconds of real time after which a question is answered even if nothing happened."""

SCRIPT = f"""
(async () => {{
  const left = document.getElementById('left');
  for (;;) {{
    const {{ seconds }} = await (await fetch(left.dataset.source)).json();
    if (!seconds) break;
    left.textContent = Math.ceil(seconds / 60);
  }}
  document.getElementById('{OVER}').submit();
}})().catch(() => {{}});  // whoever could tell the time is gone
"""


class Countdown:
    """Answers the pages of challenges."""

    def __init__(self, store: SessionStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock
        self._stirred = asyncio.Event()

    def add_to(self, app: web.Application) -> None:
        """Register the path, and listen to the clock until the application ends."""
        app.router.add_get(LEFT_PATH, self._tell)
        self._clock.subscribe(self._stir)
        app.on_shutdown.append(self._stop)

    def shown(self, session: Session) -> str:
        """Write the minutes left, where the script finds them and whom to ask."""
        source = escape(LEFT_PATH.format(transaction=session.transaction_id))
        minutes = math.ceil(self._seconds(session) / 60)
        timer = f'<span id="left" role="timer" data-source="{source}">{minutes}</span>'
        return f'<p class="small">Minutes left: {timer}</p>'

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        session = self._store.with_transaction(request.match_info["transaction"])
        if session is None:
            return problem("There is no such challenge.", 404)
        if session.status is Status.CHALLENGED:
            await self._pause(flow.due(session))
            self._store.find(session.id)
        return web.json_response({"seconds": self._seconds(session)}, headers={"Cache-Control": "no-store"})

    def _seconds(self, session: Session) -> int:
        """Return the seconds left, 0 once the challenge is over."""
        over = session.status is not Status.CHALLENGED
        return 0 if over else math.ceil(flow.due(session) - self._clock.now())

    async def _pause(self, due: float) -> None:
        until = self._clock.until(due)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE if until is None else min(until, _PATIENCE)):
                await self._stirred.wait()

    def _stir(self) -> None:
        """Wake all who pause."""
        self._stirred.set()
        self._stirred = asyncio.Event()

    async def _stop(self, _app: web.Application) -> None:
        self._clock.unsubscribe(self._stir)
        self._stir()
