"""A batch sends each record at most once without a person's word, and reports it at least once, whatever is killed.

The states that killed processes can leave behind are few. From each of them, every way of a further process is tried,
until there is no new state: so a batch may be killed any number of times.
"""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

from checkout_async.batch import BatchResult
from tests.simulation.systematic.batch_world import PROCESS, Batch, Bounds, State, simulated_time
from tests.simulation.systematic.disk import Disk
from tests.simulation.systematic.schedules import Steps, every_schedule

pytestmark = pytest.mark.timeout(600)

_DONE = {BatchResult.AUTHENTICATED, BatchResult.INVALID}


class Exploration:
    """All states that can be reached, and how many schedules that took."""

    def __init__(self, *, needs_read: bool = False, failures: int = 1, words: bool = False) -> None:
        self._needs_read = needs_read
        self._failures = failures
        self._words = words
        self._disk = Disk(_written)
        self.states: dict[object, State] = {}
        self.schedules = 0

    def run(self, first: State) -> None:
        """Try every way of one process from each state that can be reached."""
        waiting = [first]
        with self._disk.watched(), simulated_time():
            while waiting:
                state = waiting.pop()
                for word in (False, True)[: 1 + (self._words and state.is_in_doubt)]:
                    for left in self._after(state, word=word):
                        if (key := left.key) not in self.states:
                            self.states[key] = left
                            waiting.append(left)
            for state in self.states.values():
                self.schedules += every_schedule(partial(self._finish, state))

    def _after(self, state: State, *, word: bool) -> list[State]:
        """Return the states that one process can leave behind."""
        states: list[State] = []

        async def scenario(steps: Steps) -> None:
            bounds = Bounds(steps, kills=1, failures=self._failures)
            batch = Batch(bounds, state, needs_read=self._needs_read)
            process = batch.start(word=word)
            states.append(await process.end())

        self.schedules += every_schedule(scenario)
        return states

    async def _finish(self, state: State, steps: Steps) -> None:
        """From a state on, nothing goes wrong any more: each record gets an outcome, and by a person's word an end."""
        batch = Batch(Bounds(steps), state, needs_read=self._needs_read)
        for word in (False, True, True):
            process = batch.start(word=word)
            await process.end()
            assert len(process.results) == len(batch.records), "a record has no outcome"
            for line in process.results:
                assert any(each == line for each, _ in batch.delivered), "never reported"
        assert {outcome.result for outcome in process.results.values()} <= _DONE


def _written(cuts: list[int]) -> None:
    """Choose whether the process is killed after a write, or in it."""
    process = PROCESS.get(None)
    if process is not None and process.is_alive and (way := process.batch.bounds.kill(2 + len(cuts))):
        process.die(cuts[way - 2] if way > 1 else None)


def test_one_record_is_sent_once_however_often_its_batch_is_killed() -> None:
    exploration = Exploration(words=True)
    exploration.run(State())
    assert exploration.schedules > 2500


def test_a_session_that_must_be_read_is_read_however_often_its_batch_is_killed() -> None:
    exploration = Exploration(needs_read=True)
    exploration.run(State())
    assert exploration.schedules > 1000


def test_two_records_are_sent_once_however_often_their_batch_is_killed() -> None:
    exploration = Exploration()
    exploration.run(State(made=(0, 0)))
    assert exploration.schedules > 3000


def test_of_two_runs_at_once_one_waits_for_the_other() -> None:
    """The second run starts at each step of the first."""
    refused: list[bool] = []

    async def scenario(steps: Steps) -> None:
        batch = Batch(Bounds(steps, failures=1), State(), needs_read=False)
        first = batch.start()
        for _ in range(steps.choose("start of the second run", 100)):
            await asyncio.sleep(0)
        second = batch.start()
        await first.end()
        await second.end()
        refused.append(second.is_refused)
        assert not (first.is_refused and second.is_refused)
        last = batch.start()
        await last.end()
        assert last.results

    with Disk(_written).watched(), simulated_time():
        assert every_schedule(scenario) > 400
    assert set(refused) == {False, True}
