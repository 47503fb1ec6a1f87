"""Run a scenario once for each way in which it can go, within bounds that the scenario states.

A run is a sequence of choices: which task continues, which attempt fails and how, at which step a process is killed.
The first way of each choice is the usual one. simloom runs a scenario again and again, each time with another sequence,
until there is none left.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import simloom

Scenario = Callable[["Steps"], Coroutine[Any, Any, None]]

_MOST_WAYS: Final = 256
"""simloom does not vary a choice among more ways."""


class Steps:
    """The choices of one run. At most `reorderings` times another task than the first continues."""

    descriptor = "bounded"

    def __init__(self, loop: simloom.SimLoop, reorderings: int) -> None:
        self._loop = loop
        self._reorderings = reorderings
        self._interruptions: list[Callable[[], object]] = []
        self._is_interrupted = False
        self.has_ended = False

    def choose(self, label: str, ways: int) -> int:
        """Choose one of several ways; 0 is the usual one."""
        assert ways <= _MOST_WAYS
        # After the end nothing is chosen: simloom then only cleans up.
        return 0 if self.has_ended or ways < 2 else self._loop.tape.draw(label, ways)

    def interrupt(self, *interruptions: Callable[[], object]) -> None:
        """Call one of all that are given, before any step from now on, or none: such as the `cancel` of a task."""
        self._interruptions += interruptions

    def pick(self, ready: Sequence[asyncio.Handle]) -> int:
        """Return the number of the callback that runs next. simloom calls this."""
        if not self._is_interrupted and (which := self.choose("interruption", 1 + len(self._interruptions))):
            self._is_interrupted = True
            interruption = self._interruptions[which - 1]
            assert isinstance(ready, list)
            ready.insert(0, asyncio.Handle(interruption, (), self._loop))
            return 0
        if not self._reorderings:
            return 0
        chosen = self.choose("order", len(ready))
        self._reorderings -= chosen > 0
        return chosen


def every_schedule(scenario: Scenario, *, reorderings: int = 0) -> int:
    """Run a scenario in every way within its bounds; return how many there are. Raises AssertionError if one fails."""
    current: list[Steps] = []

    def scheduler(loop: simloom.SimLoop) -> Steps:
        current[:] = [Steps(loop, reorderings)]
        return current[0]

    async def main() -> None:
        [steps] = current
        try:
            await scenario(steps)
        finally:
            steps.has_ended = True

    gc.freeze()  # each run ends with a collection, which need not look at what was there before
    logging.disable()  # thousands of records would be kept until the end, and each collection would look at them
    try:
        result = simloom.explore_systematic(
            main, max_delays=10**9, max_schedules=10**9, scheduler=scheduler, virtual_time=True, world=False
        )
    finally:
        logging.disable(logging.NOTSET)
        gc.unfreeze()
    if result.first is not None:
        ways = ", ".join(f"{draw.label} {draw.value}" for draw in result.first.tape if draw.value)
        raise AssertionError(f"schedule {result.schedules} ({ways or 'the usual one'}) failed") from result.first.error
    assert result.exhaustive
    return result.schedules
