"""A batch whose processes may be killed after each effect, on an API that may fail at each request.

A process that is killed leaves behind what it wrote to the disk, what it sent and what it delivered, and nothing else.
So it is killed after each of these effects: between two of them, a kill leaves the same behind.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from contextlib import aclosing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final
from unittest import mock

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey, Timeouts, batch, errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.batch import BatchResult, Outcome, breaker, runner
from checkout_async.batch.records import Record
from tests.simulation.shop import session_request
from tests.simulation.systematic.disk import Files, folder_of, load, save
from tests.simulation.systematic.schedules import Steps

_KEY: Final = SecretKey("sk_sbox_" + "a" * 27)
_UNSENT: Final = {BatchResult.FAILED, BatchResult.INVALID}

CREATE: Final = ("done", "reply lost", "422", "500", "never arrived", "outage")
"""What may happen to a request for a session. A 422 and a 500 have no effect here, which only the 422 proves. In an
outage, nothing arrives until the run ends."""
READ: Final = ("done", "reply lost", "500", "never arrived", "outage")


@dataclass(frozen=True)
class State:
    """What there is while no process runs: the files, the sessions of each line, and what was delivered."""

    files: Files = field(default_factory=Files)
    made: tuple[int, ...] = (0,)
    delivered: frozenset[tuple[int, BatchResult | None]] = frozenset()
    """The outcomes that were delivered. A run may change unknown and failed ones, so they stand here as None."""
    before_word: tuple[int, ...] | None = None
    """The sessions that there were when a person had the records sent that are in doubt."""

    @cached_property
    def contents(self) -> tuple[tuple[object, ...], ...]:
        """The rows of the journal, after the names of its files."""
        return self.files.contents()

    @property
    def is_in_doubt(self) -> bool:
        """Whether a record is in doubt, so that a person may have it sent again. That is done once."""
        results = [row[2] for row in self.contents[1:]]
        return self.before_word is None and (None in results or "unknown" in results)

    @property
    def key(self) -> object:
        """What decides over everything that can follow."""
        return self.contents, self.made, self.delivered, self.before_word


@dataclass
class Bounds:
    """What may still go wrong in a run."""

    steps: Steps
    kills: int = 0
    failures: int = 0

    def failure(self, ways: tuple[str, ...]) -> str:
        """Choose what happens to a request; the first way is that nothing goes wrong."""
        way = self.steps.choose("api", len(ways)) if self.failures else 0
        self.failures -= way > 0
        return ways[way]

    def kill(self, ways: int = 2) -> int:
        """Choose whether a process is killed now, and in which way; 0 means that it lives on."""
        way = self.steps.choose("kill", ways) if self.kills else 0
        self.kills -= way > 0
        return way


class Batch:
    """The records, and what the API and the consumer know of them, from one state on."""

    def __init__(self, bounds: Bounds, state: State, *, needs_read: bool) -> None:
        self.bounds = bounds
        self.needs_read = needs_read
        self.made = [*state.made]
        self.delivered = set(state.delivered)
        self.before_word = state.before_word
        self.wrong: list[str] = []
        self.folder = folder_of("batch")
        load(state.files, self.folder)
        requests = [session_request(str(line)) for line in range(1, len(self.made) + 1)]
        self.records = [Record.of(line, request) for line, request in enumerate(requests, 1)]

    def start(self, *, word: bool = False) -> Process:
        """Start a process. With the `word` of a person it sends again what is in doubt."""
        process = Process(self)
        if word:
            self.before_word = tuple(self.made)
        process.task = asyncio.create_task(process.run(retry_unknown=word))
        return process

    def session_of(self, line: int) -> str:
        """Return the id of the latest session of a line."""
        return f"sid_{line}{self.made[line - 1]}".ljust(30, "a")

    def check(self, outcome: Outcome) -> None:
        """Check an outcome against what the API did up to now."""
        line, result = outcome.line, outcome.result
        if result.is_final:
            assert self.made[line - 1], f"{result} was delivered without a session"
            assert outcome.session_id == self.session_of(line), "the session of another record"
        assert result not in _UNSENT or not self.since_word(line), f"{result} was delivered, and there is a session"
        if result is BatchResult.AUTHENTICATED:
            assert outcome.cryptogram, "a cryptogram is missing"

    def since_word(self, line: int) -> int:
        """Return how many sessions there are of a line, without those that a person knew when she had it sent again."""
        return self.made[line - 1] - (self.before_word[line - 1] if self.before_word else 0)

    def make(self, line: int) -> None:
        """Make a session for a line."""
        self.made[line - 1] += 1
        # Not raised here: the batch would take it for the failure of a call.
        if self.since_word(line) > 1:
            self.wrong.append("a record was sent again, and nobody had asked for it")
        finished = [result for each, result in self.delivered if each == line and result and result.is_final]
        if finished:
            self.wrong.append("a record was sent again that was finished")


class Process:
    """A process that runs the batch once. `results` is what it delivered, `left` the state that it leaves behind."""

    def __init__(self, world: Batch) -> None:
        self.batch = world
        self.is_alive = True
        self.has_outage = False
        self.is_refused = False
        """Whether it ended at once, because another process has the journal open."""
        self.results: dict[int, Outcome] = {}
        self.left: State | None = None
        self.task: asyncio.Task[None] | None = None

    async def run(self, *, retry_unknown: bool) -> None:
        """Run the batch once. An outage may end the run early; it is not an error here."""
        PROCESS.set(self)
        try:
            await self._run(retry_unknown=retry_unknown)
        except errors.JournalInUse:
            self.is_refused = True
        except (errors.BatchFileError, errors.JournalError):
            if self.is_alive:
                raise
        except errors.CheckoutError:
            pass
        await self.effect()
        self._leave(None)

    async def end(self) -> State:
        """Wait until the process has ended, and return what it leaves behind. Raises what is wrong."""
        assert self.task is not None
        with suppress(asyncio.CancelledError):
            await self.task
        assert not self.batch.wrong, self.batch.wrong
        assert self.left is not None
        return self.left

    async def _run(self, *, retry_unknown: bool) -> None:
        client = CheckoutClient(
            _KEY,
            base_url="http://127.0.0.1",
            transport=_Link(self),
            retry=RetryPolicy(attempts=1),
            limits=Limits(read_rate=None, write_rate=None),
        )
        world = self.batch
        async with client, batch.Journal(world.folder / "journal") as journal:
            outcomes = batch.run(
                client,
                world.records,
                options=batch.BatchOptions(
                    concurrency=len(world.records),
                    outage_backoff=batch.Backoff(initial=1.0, maximum=1.0, give_up_after=1.0),
                    retry_unknown=retry_unknown,
                ),
                journal=journal,
            )
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    await self.stop_if_dead()
                    world.check(outcome)
                    assert outcome.line not in self.results, "a record has two outcomes"
                    self.results[outcome.line] = outcome
                    lasts = outcome.result not in {BatchResult.UNKNOWN, BatchResult.FAILED}
                    world.delivered.add((outcome.line, outcome.result if lasts else None))
                    await self.effect()

    async def effect(self) -> None:
        """Do not go on if the process is killed after what it has just done."""
        if self.is_alive and self.batch.bounds.kill():
            self.die()
        await self.stop_if_dead()

    async def stop_if_dead(self) -> None:
        """Wait for the cancellation of a process that was killed."""
        if not self.is_alive:
            await asyncio.get_running_loop().create_future()

    def die(self, cut: int | None = None) -> None:
        """Leave behind what there is now, with the write-ahead log cut to a size.

        From here on nobody sees what the process does: it has no connection, and its files were taken away. So it does
        not matter that its task ends by a cancellation.
        """
        self._leave(cut)
        assert self.task is not None
        self.task.cancel()

    def _leave(self, cut: int | None) -> None:
        self.is_alive = False
        world = self.batch
        files = save(world.folder, cut)
        self.left = State(files, tuple(world.made), frozenset(world.delivered), world.before_word)

    def arrives_later(self, line: int) -> None:
        """Have the API carry out a request of a process that was killed meanwhile."""
        assert self.left is not None
        self.batch.make(line)
        self.left = replace(self.left, made=tuple(self.batch.made))


@contextmanager
def simulated_time() -> Generator[None]:
    """Have the pauses of a batch pass in simulated time: the clock is bound when the package is imported."""

    def now() -> float:
        return asyncio.get_running_loop().time()

    with mock.patch.object(runner, "CircuitBreaker", partial(breaker.CircuitBreaker, clock=now)):
        yield


PROCESS: ContextVar[Process] = ContextVar("PROCESS")
"""The process that the current task belongs to."""


class _Link:
    """The transport between a process and the API."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def send(self, request: HttpRequest, _timeouts: Timeouts, /) -> HttpResponse:
        """Exchange a request for a reply, or fail."""
        process, world = self._process, self._process.batch
        create = request.method == "POST"
        line = int(json.loads(request.body or b"")["reference"] if create else request.url.rpartition("sid_")[2][0])
        if process.is_alive and world.bounds.kill():
            process.die()
            if create and world.bounds.steps.choose("arrives later", 2):
                process.arrives_later(line)
        await process.stop_if_dead()
        way = "outage" if process.has_outage else world.bounds.failure(CREATE if create else READ)
        process.has_outage = way == "outage"
        if way in {"never arrived", "outage"}:
            raise errors.ConnectFailed("refused")
        if way.isdigit():
            return _reply(int(way), {"error_type": "error"})
        if create:
            world.make(line)
        await process.effect()
        await asyncio.sleep(0)
        if way == "reply lost":
            raise errors.OutcomeUnknown("the connection broke")
        session = {"id": world.session_of(line), "status": "approved"}
        if not (create and world.needs_read):
            session |= {"eci": "05", "cryptogram": "AJkBBkhgQQAAAE4gSEJydQAAAAA="}
        return _reply(201 if create else 200, session)

    async def aclose(self) -> None:
        """Do nothing."""


def _reply(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())
