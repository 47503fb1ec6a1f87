"""A cardholder with a browser, and the issuer behind it: what they do at a step of the flow, and what the shop hears.

The issuer's pages are not on the simulated network: what they tell the shop may be late, doubled or lost all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import simloom

from checkout_async import threeds
from checkout_async.sandbox import CardholderError, Sandbox
from checkout_async.threeds import emv

Events = list[threeds.Event | None]

_METHOD_DATA: Final = "threeDSMethodData"


class Cardholder:
    """The cardholder of any session of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle(self, step: threeds.CardholderStep, session_id: str, time_left: float | None) -> Events:
        """Do what a step asks for, and return the events that reach the shop: one, or one that comes twice."""
        left = time_left or 0.0
        if isinstance(step, threeds.RunMethod):
            return await self._run_method(step, left)
        assert isinstance(step, threeds.ShowChallenge), step
        what = simloom.draw("cardholder.challenge", len(_CHALLENGES) + 1)
        return await _CHALLENGES[what](self, session_id, left) if what < len(_CHALLENGES) else _forged(step)

    async def _run_method(self, step: threeds.RunMethod, left: float) -> Events:
        """The issuer's script answers in time, late, twice or never; at the end of the time the page says so."""
        what = simloom.draw("cardholder.method", 4)
        if what == 3:
            await asyncio.sleep(left)
            return [threeds.TimedOut()]
        await asyncio.sleep(simloom.draw("cardholder.seconds", 8) + (10 if what == 1 else 0))
        message = emv.decode_json(step.form.fields[_METHOD_DATA], _METHOD_DATA)
        answer = emv.encode_json({"threeDSServerTransID": message["threeDSServerTransID"]})
        return _doubled(emv.read_method_notification({_METHOD_DATA: answer}), what == 2)

    async def _passes(self, session_id: str, left: float) -> Events:
        return await self._completes(session_id, "Y", left)

    async def _fails(self, session_id: str, left: float) -> Events:
        return await self._completes(session_id, "N", left)

    async def _completes(self, session_id: str, trans_status: str, left: float) -> Events:
        """Complete the challenge; the browser brings the response, perhaps twice, or it never arrives."""
        await asyncio.sleep(simloom.draw("cardholder.thinks", 100))
        with suppress(CardholderError):
            completed = await self._sandbox.cardholder.complete_challenge(session_id, trans_status)
            what = simloom.draw("cardholder.return", 4)
            if what < 3:
                await asyncio.sleep(simloom.draw("cardholder.seconds", 8) + (60 if what == 1 else 0))
                return _doubled(emv.read_challenge_response({"cres": completed.cres}), what == 2)
        return await self._goes_away(session_id, left)

    async def _abandons(self, session_id: str, left: float) -> Events:
        """Press "cancel" on the issuer's page, and close the window."""
        with suppress(CardholderError):
            await self._sandbox.cardholder.abandon_challenge(session_id)
        return await self._goes_away(session_id, left)

    async def _goes_away(self, _session_id: str, left: float) -> Events:
        """Never come back: the shop waits until the time of the challenge is over."""
        await asyncio.sleep(left)
        return [threeds.TimedOut()]

    async def _comes_late(self, session_id: str, _left: float) -> Events:
        """Answer when the challenge is just about to end, or when it is over."""
        await asyncio.sleep(15 * 60 - 60 + simloom.draw("cardholder.late", 120))
        return await self._completes(session_id, "Y", 0.0)

    async def _sees_an_error(self, _session_id: str, _left: float) -> Events:
        """The issuer's page cannot continue."""
        return [emv.ErrorMessage(error_code="402", error_component="A")]


def _forged(step: threeds.ShowChallenge) -> Events:
    """The browser says that the challenge was passed, and it is still to be answered."""
    request = emv.decode_json(step.form.fields["creq"], "creq")
    answer = {**request, "messageType": "CRes", "transStatus": "Y"}
    return [emv.read_challenge_response({"cres": emv.encode_json(answer)})]


def _doubled(event: threeds.Event, twice: object) -> Events:
    return [event, event] if twice else [event]


_CHALLENGES: Final[tuple[Callable[[Cardholder, str, float], Coroutine[Any, Any, Events]], ...]] = (
    Cardholder._passes,
    Cardholder._passes,
    Cardholder._fails,
    Cardholder._abandons,
    Cardholder._goes_away,
    Cardholder._comes_late,
    Cardholder._sees_an_error,
)
