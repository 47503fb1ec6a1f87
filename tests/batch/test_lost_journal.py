"""A journal that does not know what the output shows stops the run before anything is sent: the sandbox is the witness.

The output may be of any format. The journal is an older copy, emptied, another run's, or without
the write-ahead log that a killed run left.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from checkout_async import CheckoutClient
from checkout_async.batch import Backoff, Journal
from checkout_async.batch.command.job import Job
from checkout_async.errors import BatchFileError, ConnectFailed
from checkout_async.sandbox import Fault, Sandbox
from tests.batch.damage import delete_rows, empty, lose
from tests.batch.support import RECURRING, ScriptedSender, changed, client_of, job_of, request
from tests.commands import run as command
from tests.commands import write_lines

OUTPUTS = ["out.jsonl", "out.csv", "out.parquet"]


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with client_of(sandbox) as client:
        yield client


@pytest.fixture(params=OUTPUTS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    return job_in(tmp_path, str(request.param))


def job_in(folder: Path, output: str = "out.jsonl", count: int = 4) -> Job:
    source = write_lines(folder / "in.jsonl", requests(count))
    quiet = io.StringIO()
    return job_of(input=source, output=folder / output, stderr=quiet, stdout=quiet, channel_data=RECURRING)


def requests(count: int) -> list[Mapping[str, object]]:
    return [request(reference=f"ref-{number}") for number in range(1, count + 1)]


def journal_of(job: Job) -> Path:
    assert job.files.journal_path is not None
    return job.files.journal_path


def created(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


def once(count: int) -> Counter[str | None]:
    return Counter(f"ref-{number}" for number in range(1, count + 1))


def output_files(job: Job) -> dict[str, bytes]:
    """The output, and nothing beside it but the journal."""
    assert job.files.output is not None
    return {
        path.name: path.read_bytes() for path in job.files.output.parent.glob("out.*") if ".journal" not in path.name
    }


async def refused(job: Job, checkout: CheckoutClient) -> str:
    """Why a resumed run is refused, twice; the output stays as it is."""
    before, resumed = output_files(job), changed(job, resume=True)
    reasons: list[str] = []
    for _ in range(2):
        with pytest.raises(BatchFileError) as caught:
            await resumed.run(checkout)
        reasons.append(str(caught.value))
    assert output_files(job) == before
    assert reasons[0] == reasons[1]
    assert "An older copy does not know what was sent after it was made" in reasons[0]
    assert "look up by their references" in reasons[0]
    return reasons[0]


def begin_anew(journal: Path) -> None:
    for path in journal.parent.glob(f"{journal.name}*"):
        path.unlink()


@pytest.mark.costly
@pytest.mark.parametrize("damage", [empty, delete_rows, lose, begin_anew])
async def test_a_journal_that_was_emptied_or_lost(
    job: Job, damage: Callable[[Path], None], checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    assert await job.run(checkout) == 0
    damage(journal_of(job))
    await refused(job, checkout)
    assert created(sandbox) == once(4)


@pytest.mark.costly
@pytest.mark.parametrize("damage", [empty, lose])
async def test_a_journal_that_was_lost_while_there_is_no_output(
    job: Job, damage: Callable[[Path], None], checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    """A killed run has not written Parquet yet, and any output may have been deleted."""
    assert job.files.output is not None
    assert await job.run(checkout) == 0
    job.files.output.unlink()
    damage(journal_of(job))
    assert f"{journal_of(job)}.key shows that an earlier run had one" in await refused(job, checkout)
    for begun_anew in (job, changed(job, journal=journal_of(job), output=None)):
        with pytest.raises(BatchFileError, match="earlier run"):
            await begun_anew.run(checkout)
    assert created(sandbox) == once(4)
    assert await changed(job, force=True).run(checkout) == 0
    assert set(created(sandbox).values()) == {2}, "a person has asked for it"


async def test_an_older_copy_of_the_journal(job: Job, checkout: CheckoutClient, sandbox: Sandbox) -> None:
    await changed(job, limit=2).run(checkout)
    copy = journal_of(job).read_bytes()
    assert await changed(job, resume=True).run(checkout) == 0
    journal_of(job).write_bytes(copy)
    assert f"the journal {journal_of(job)} is older than {job.files.output}" in await refused(job, checkout)
    assert created(sandbox) == once(4)


@pytest.mark.costly
@pytest.mark.parametrize("by_option", [True, False])
async def test_the_journal_of_another_run_of_the_same_records(
    job: Job, tmp_path: Path, by_option: bool, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    (tmp_path / "other").mkdir()
    other = job_in(tmp_path / "other")
    assert await job.run(checkout) == await other.run(checkout) == 0
    if by_option:
        job = changed(job, journal=other.files.journal_path)
    else:
        for suffix in ("", ".key"):
            shutil.copy(f"{other.files.journal_path}{suffix}", f"{job.files.journal_path}{suffix}")
    assert f"{job.files.output} has results of another journal" in await refused(job, checkout)
    assert set(created(sandbox).values()) == {2}


async def test_a_result_that_is_unknown_is_evidence_too(
    tmp_path: Path, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    job = job_in(tmp_path, count=1)
    sandbox.faults.add("request_session", Fault.LOST_REPLY, times=1)
    assert await job.run(checkout) == 1
    begin_anew(journal_of(job))
    async with Journal(journal_of(job)):
        pass  # a journal that knows nothing
    await refused(job, checkout)
    assert created(sandbox) == once(1)


async def test_a_record_that_failed_when_the_copy_was_made_and_was_sent_later(
    tmp_path: Path, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    job = job_in(tmp_path, count=1)
    unreachable = ScriptedSender(lambda _: ConnectFailed("nothing was sent", operation="request_session"))
    assert await changed(job, outage_backoff=Backoff(give_up_after=0)).run(unreachable) == 3
    copy = journal_of(job).read_bytes()
    sandbox.faults.add("request_session", Fault.LOST_REPLY, times=1)
    assert await changed(job, resume=True).run(checkout) == 1
    journal_of(job).write_bytes(copy)
    await refused(job, checkout)
    assert created(sandbox) == once(1)


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("has_wal", [True, False])
async def test_the_log_of_a_killed_run(
    tmp_path: Path, runs: int, has_wal: bool, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    """The run is killed while all that it has sent is known to the log alone."""
    job, killed = job_in(tmp_path), tmp_path / "killed"
    if runs == 2:
        await changed(job, limit=2).run(checkout)
    sandbox.faults.add("request_session", Fault.STALLED_REPLY, times=None)
    running = asyncio.create_task(changed(job, resume=True).run(checkout))
    while sum(created(sandbox).values()) < 4:
        await asyncio.sleep(0.01)
    killed.mkdir()
    # By another process: a reader within this one would end the journal's locks.
    subprocess.run(["cp", *tmp_path.glob("out.*"), killed], check=True)  # noqa: ASYNC221
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    sandbox.faults.clear()
    again = job_in(killed)
    if has_wal:
        assert await changed(again, resume=True).run(checkout) == 1
    else:
        Path(f"{again.files.journal_path}-wal").unlink()
        reason = await refused(again, checkout)
        assert f"has lost the file {again.files.journal_path}-wal" in reason
    assert created(sandbox) == once(4)


async def moved(job: Job, folder: Path, *, without: str = "") -> Job:
    """Move the files of a run to another machine: they have other inodes and times there, and their modes."""
    assert job.files.output is not None
    here = job.files.output.parent
    names = [path.name for path in here.glob("out.*") if not without or not path.name.endswith(without)]
    folder.mkdir()
    tape = folder / "tape"
    subprocess.run(["tar", "-C", here, "-cf", tape, *names], check=True)  # noqa: ASYNC221
    subprocess.run(["tar", "-C", folder, "-xmf", tape], check=True)  # noqa: ASYNC221
    for path in here.glob("out.*"):
        path.unlink()
    return job_in(folder, job.files.output.name)


async def test_a_run_goes_on_on_another_machine(
    job: Job, tmp_path: Path, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    await changed(job, limit=2).run(checkout)
    there = await moved(job, tmp_path / "there")
    assert await changed(there, resume=True).run(checkout) == 0
    assert created(sandbox) == once(4)


@pytest.mark.parametrize(
    ("without", "message"),
    [(".journal", "shows that an earlier run had one"), (".key", "the key of the journal .* is missing: put it back")],
)
async def test_a_run_that_was_moved_without_one_of_its_files_is_refused(
    job: Job, tmp_path: Path, without: str, message: str, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    await changed(job, limit=2).run(checkout)
    there = await moved(job, tmp_path / "there", without=without)
    if there.files.output is not None and without == ".journal":
        there.files.output.unlink()  # or the output alone would stop the run
    for resume in (True, False):
        with pytest.raises(BatchFileError, match=message if resume else "earlier run|exists"):
            await changed(there, resume=resume).run(checkout)
    assert created(sandbox) == once(2)


@pytest.mark.costly
async def test_a_key_that_became_readable_by_others_on_its_way_is_refused(
    job: Job, tmp_path: Path, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    await changed(job, limit=2).run(checkout)
    there = await moved(job, tmp_path / "there")
    Path(f"{journal_of(there)}.key").chmod(0o644)
    with pytest.raises(BatchFileError, match="can be used by others than its owner: chmod 600 it"):
        await changed(there, resume=True).run(checkout)
    Path(f"{journal_of(there)}.key").chmod(0o600)
    assert await changed(there, resume=True).run(checkout) == 0
    assert created(sandbox) == once(4)


async def test_of_two_copies_of_a_run_the_one_that_stood_still_is_refused_with_the_output_of_the_other(
    job: Job, tmp_path: Path, checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    assert job.files.output is not None
    await changed(job, limit=2).run(checkout)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tmp_path.glob("out.*"):
        shutil.copy2(path, copy)
    assert await changed(job, resume=True).run(checkout) == 0
    other = job_in(copy, job.files.output.name)
    shutil.copy2(job.files.output, copy)
    assert "is older than" in await refused(other, checkout)
    assert created(sandbox) == once(4)


@pytest.mark.slow
async def test_the_command_ends_with_2(
    tmp_path: Path, env: dict[str, str], checkout: CheckoutClient, sandbox: Sandbox
) -> None:
    job = job_in(tmp_path)
    await job.run(checkout)
    empty(journal_of(job))
    arguments = ("authenticate", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--resume")
    done = await command(*arguments, "--fake-browser-data", env=env)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "is empty, and " in done.err
    assert "Nothing was sent" in done.err
    assert created(sandbox) == once(4)
