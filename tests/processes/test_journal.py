"""A journal and its children: only the process that opened it writes to its files, and closes them."""

from __future__ import annotations

import asyncio
import gc
import shutil
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from checkout_async.batch.journal import Journal
from checkout_async.batch.outcome import BatchResult, Outcome
from tests.batch.support import record
from tests.processes.children import fork, outcome, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def survivors(path: Path, elsewhere: Path) -> int:
    """Return how many records are in the files as they are now, as after a crash of the process that has them open."""
    elsewhere.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, elsewhere)

    async def count() -> int:
        async with Journal(elsewhere / path.name) as journal:
            return sum((await journal.counts()).values())

    return asyncio.run(count())


async def open_with_a_claim(path: Path) -> Journal:
    journal = Journal(path)
    await journal.__aenter__()
    await journal.claim(record(1))
    return journal


async def leave(journal: Journal) -> None:
    await journal.__aexit__(None, None, None)


def test_calls_of_a_child_are_refused_and_the_parent_goes_on(
    path: Path, loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    journal = wait_for(loop, open_with_a_claim(path))
    claim = wait_for(loop, journal.claim(record(2)))
    settled = Outcome(line=2, reference="ref-2", result=BatchResult.AUTHENTICATED)
    calls: list[Callable[[], object]] = [
        lambda: journal.record_session(claim, "sid_x"),
        lambda: journal.settle_nowait(claim, settled),
    ]

    def child() -> str:
        ended = [
            outcome(loop, journal.claim(record(3))),
            outcome(loop, journal.settle(claim, settled)),
            outcome(loop, journal.counts()),
            outcome(loop, journal.claim_known(record(2))),
            outcome(loop, journal.export(print)),
            outcome(loop, journal.require_exported(path, dict)),
            outcome(loop, journal.purge(0)),
        ]
        for call in calls:
            with pytest.raises(Exception, match="was first used in another process") as caught:
                call()
            ended.append(type(caught.value).__name__)
        return " ".join(ended)

    assert fork(child) == [" ".join(["WrongProcess"] * 9)] * 2
    wait_for(loop, journal.claim(record(4)))
    assert survivors(path, tmp_path / "copy") == 3
    wait_for(loop, leave(journal))


@pytest.mark.parametrize("way", ["left", "collected"])
def test_what_a_child_gives_up_stays_whole(
    path: Path, loop: asyncio.AbstractEventLoop, tmp_path: Path, way: str
) -> None:
    journals = [wait_for(loop, open_with_a_claim(path))]

    def child() -> str:
        if way == "left":
            wait_for(loop, leave(journals[0]))
        warnings.simplefilter("ignore", ResourceWarning)
        journal = weakref.ref(journals.pop())
        gc.collect()
        assert journal() is None
        return "done"

    assert fork(child) == ["done"] * 2
    assert path.with_name(f"{path.name}-wal").exists()
    wait_for(loop, journals[0].claim(record(2)))
    assert survivors(path, tmp_path / "copy") == 2
    wait_for(loop, leave(journals[0]))


def test_a_journal_that_was_only_made_works_in_a_child(path: Path) -> None:
    journal = Journal(path)

    async def use() -> str:
        async with journal:
            await journal.claim(record(1))
            return str(sum((await journal.counts()).values()))

    assert fork(lambda: asyncio.run(use()), count=1) == ["1"]
    assert asyncio.run(use()) == "1"
