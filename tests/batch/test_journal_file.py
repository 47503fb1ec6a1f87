"""The journal's file: what it survives, who may have it, what it never holds, and what is said when it fails."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing, closing, suppress
from pathlib import Path

import msgspec
import pytest

from checkout_async.batch.journal import Claim, Journal, Step, store
from checkout_async.batch.journal.database import open_database
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.batch.journal.opening import remove_journal
from checkout_async.batch.outcome import BatchResult, ErrorInfo
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.errors import BatchFileError, JournalError, JournalInUse
from checkout_async.sandbox import Fault, Sandbox
from tests.batch.damage import empty, lose
from tests.batch.journal_worker import (
    CRYPTOGRAM,
    goes_on_and_on,
    notes_a_session,
    outcome,
    runs_out_of_room,
    stays_open,
)
from tests.batch.support import CARD, SID, client_of, record, request, run
from tests.commands import AUTHENTICATE, write_lines
from tests.commands import run as run_command
from tests.forking import ended, fork_worker, heard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


async def authenticated(journal: Journal, line: int = 1) -> Claim:
    claim = await journal.claim(record(line))
    await journal.settle(claim, outcome(line))
    return claim


async def next_step(path: Path, again: Record | None = None) -> Step:
    async with Journal(path) as journal:
        return (await journal.claim(again or record())).step


def contents(path: Path) -> dict[str, bytes]:
    """What is in the files of a journal, read by another process: a reader within this one would end its locks."""
    suffixes = ("", "-wal", ".key")
    return {suffix: subprocess.check_output(["cat", f"{path}{suffix}"]) for suffix in suffixes}


async def said_before_it_was_killed(work: Callable[..., None], path: Path, lines: int) -> list[str]:
    """Start a process that runs a function, kill it after so many words, and return these and what it said since."""
    process, connection = fork_worker(work, str(path))
    words = [await heard(connection) for _ in range(lines)]
    process.kill()
    with connection, suppress(EOFError, OSError):  # its last word may be torn
        while True:
            words.append(await heard(connection))
    assert await ended(process) == -signal.SIGKILL
    return words


# Killed


@pytest.mark.parametrize("lines", [1, 2, 7, 40, 333])
async def test_what_was_confirmed_is_there_after_a_kill(path: Path, lines: int) -> None:
    heard = await said_before_it_was_killed(goes_on_and_on, path, lines)
    assert len(heard) >= lines
    async with Journal(path, durable=False) as journal:
        steps = {line: (await journal.claim(record(line))).step for line in range(1, len(heard) + 20)}
    for line_heard in heard:
        what, line = line_heard.split()
        allowed = {Step.REPLAY} if what == "settled" else {Step.READ, Step.REPLAY, Step.HOLD}
        assert steps[int(line)] in allowed, line_heard


async def test_a_session_is_there_as_soon_as_anything_later_is_confirmed(path: Path) -> None:
    assert await said_before_it_was_killed(notes_a_session, path, 1) == ["written"]
    async with Journal(path) as journal:
        claim = await journal.claim(record(1))
    assert (claim.step, claim.session_id) == (Step.READ, SID)


async def left_by_a_kill(path: Path, copy: Path) -> None:
    """Write the files of a journal as they are while it is in use."""
    async with Journal(path) as journal:
        journal.record_session(await journal.claim(record(1)), SID)
        await journal.claim(record(2))
        content_by_file = contents(path)
    for suffix, content in content_by_file.items():
        file = Path(f"{copy}{suffix}")
        file.touch(mode=0o600)
        file.write_bytes(content)


@pytest.mark.parametrize("linked", [False, True])
async def test_a_kill_before_the_log_has_anything_is_no_loss(path: Path, tmp_path: Path, linked: bool) -> None:
    async with Journal(path) as journal:
        await authenticated(journal)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE journal SET needs_wal = 1")
        database.commit()
    Path(f"{path}-wal").touch(mode=0o600)
    if linked:
        link = tmp_path / "elsewhere" / "link.journal"
        link.parent.mkdir()
        link.symlink_to(path)
        key_file_of(link).symlink_to(key_file_of(path))
        path = link
    assert await next_step(path) is Step.REPLAY


async def test_a_journal_whose_log_was_merged_by_another_program_can_be_continued(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.journal"
    await left_by_a_kill(path, copy)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT count(*) FROM record").fetchone() == (2,)
    assert not Path(f"{copy}-wal").exists()
    assert await next_step(copy) is Step.READ


def copied(path: Path, copy: Path, *suffixes: str) -> Path:
    """Copy files of a journal as they are while it is in use, as a kill would leave them."""
    content_by_file = contents(path)
    for suffix in suffixes:
        file = Path(f"{copy}{suffix}")
        file.touch(mode=0o600)
        file.write_bytes(content_by_file[suffix])
    return copy


@pytest.mark.parametrize("why", ["long", "purged"])
async def test_a_log_that_is_lost_after_it_was_copied_into_the_file_is_missed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(store, "_LOG", 20_000)
    async with Journal(path) as journal:
        if why == "purged":
            await authenticated(journal)
            await journal.purge(0)
        else:
            for line in range(1, 30):
                await authenticated(journal, line)
        assert CRYPTOGRAM.encode() in contents(path)[""] or why == "purged", "the log was copied into the file"
        await journal.claim(record(30))
        whole = copied(path, tmp_path / "whole.journal", "", "-wal", ".key")
        lost = copied(path, tmp_path / "lost.journal", "", ".key")
    assert await next_step(whole, record(30)) is Step.HOLD
    assert f"has lost the file {lost}-wal" in await refused(lost)


async def test_the_log_does_not_grow_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOG", 100_000)
    sizes: list[int] = []
    async with Journal(path, durable=False) as journal:
        for line in range(1, 100):
            await authenticated(journal, line)
            sizes.append(Path(f"{path}-wal").stat().st_size)
    assert 50_000 < max(sizes) < 150_000


async def test_a_journal_whose_log_was_removed_after_a_kill_is_refused(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.journal"
    await left_by_a_kill(path, copy)
    Path(f"{copy}-wal").unlink()
    for _ in range(2):
        assert f"has lost the file {copy}-wal" in await refused(copy)


@pytest.mark.parametrize("runs", [1, 2])
async def test_a_journal_whose_rows_were_deleted_is_refused(path: Path, runs: int) -> None:
    for line in range(1, runs + 1):
        async with Journal(path) as journal:
            await authenticated(journal, line)
    async with Journal(path):
        pass
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM record")
        database.commit()
    assert f"the journal {path} was emptied. Nothing was sent" in await refused(path)


async def test_a_log_that_is_removed_while_it_is_in_use_stops_the_run(path: Path) -> None:
    journal = Journal(path)
    await journal.__aenter__()
    await authenticated(journal)
    Path(f"{path}-wal").unlink()
    for call in (journal.claim(record(2)), journal.__aexit__(None, None, None)):
        with pytest.raises(JournalError, match=r"cannot read its file .*run\.journal-wal"):
            await call
    assert await next_step(path) is Step.REPLAY
    assert await next_step(path, record(2)) is Step.SEND


async def test_a_journal_that_must_be_there_is_not_created(path: Path) -> None:
    for expected in (f"the journal {path} is missing", f"the journal {path} is empty"):
        with pytest.raises(BatchFileError, match=f"{expected}.*An older copy does not know"):
            await Journal(path, create=False).__aenter__()
        assert [each.name for each in path.parent.iterdir()] == [each for each in ("run.journal",) if path.exists()]
        assert not path.exists() or not path.read_bytes(), "the file is as it was"
        path.touch()
    assert await next_step(path) is Step.SEND
    async with Journal(path, create=False) as journal:
        assert (await journal.claim(record())).step is Step.HOLD


@pytest.mark.slow
async def test_a_second_process_is_refused_until_the_first_is_gone_even_if_it_is_killed(path: Path) -> None:
    process, connection = fork_worker(stays_open, str(path))
    assert await heard(connection) == "open"
    with pytest.raises(BatchFileError, match=r"run\.journal: another process has it open; wait until it ends"):
        await Journal(path).__aenter__()
    process.kill()
    connection.close()
    assert await ended(process) == -signal.SIGKILL
    assert await next_step(path) is Step.SEND


@pytest.mark.slow
async def test_within_a_process_a_journal_is_open_once_too(path: Path) -> None:
    async with Journal(path) as journal:
        with pytest.raises(BatchFileError, match="has it open"):
            await Journal(path).__aenter__()
        assert (await journal.claim(record())).step is Step.SEND


@pytest.mark.parametrize("durable", [True, False])
async def test_a_journal_outlives_its_process_however_little_it_syncs(
    path: Path, tmp_path: Path, durable: bool
) -> None:
    copy = tmp_path / "copy.journal"
    async with Journal(path, durable=durable) as journal:
        await authenticated(journal)
        content_by_file = contents(path)
    for suffix, content in content_by_file.items():
        file = Path(f"{copy}{suffix}")
        file.touch(mode=0o600)
        file.write_bytes(content)
    assert await next_step(copy) is Step.REPLAY


# Closed


async def test_what_was_not_waited_for_is_written_on_closing(path: Path) -> None:
    async with Journal(path) as journal:
        journal.record_session(await journal.claim(record()), SID)
    assert await next_step(path) is Step.READ


async def test_a_closed_journal_is_one_file_and_its_key(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal)
    assert sorted(each.name for each in path.parent.iterdir()) == ["run.journal", "run.journal.key"]


async def test_a_run_that_fails_closes_its_journal(path: Path) -> None:
    async def fails() -> None:
        async with Journal(path) as journal:
            await authenticated(journal)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await next_step(path) is Step.REPLAY


# Secrecy


async def test_no_request_gets_into_any_file(path: Path) -> None:
    async with Journal(path) as journal:
        for line in range(1, 30):
            claim = await authenticated(journal, line)
            journal.record_session(claim, SID)
        await journal.claim(Record(line=30, request=request(CARD)))
        await journal.claim(Record(line=30, request=request(CARD)))
        await journal.export(lambda _: None)
        content = b"".join(contents(path).values())
    content += path.read_bytes()
    for kept in (SID, "ref-29", CRYPTOGRAM):
        assert kept.encode() in content
    for secret in (CARD, "expiry", "non_hosted"):
        assert secret.encode() not in content
        assert secret.encode().hex().encode() not in content


CANARIES = {
    "card number": CARD,
    "CVV": "0917",
    "cardholder": "Canary Holder",
    "e-mail address": "canary@example.test",
    "street": "Canary Street",
    "client secret": "sandbox_secret",
}


@pytest.mark.costly
async def test_a_run_leaves_no_card_number_cvv_token_or_request_in_any_file_at_any_time(
    sandbox: Sandbox, path: Path
) -> None:
    source: Mapping[str, object] = {
        "type": "card",
        "number": CARD,
        "expiry_month": 1,
        "expiry_year": 2035,
        "name": "Canary Holder",
        "email": "canary@example.test",
        "billing_address": {"address_line1": "Canary Street", "city": "London", "country": "GB", "zip": "W1A"},
    }
    records: list[Record | InvalidRecord] = [
        Record(line=line, request=request(source=source, amount=line, reference=f"ref-{line}"), reference=f"ref-{line}")
        for line in range(1, 9)
    ]
    records += [
        Record(line=9, request=request(source=source, amount="1.00"), reference="wrong"),
        Record(line=12, request=request(source={**source, "cvv": "0917"}), reference="unknown member"),
        Record(line=10, request=request(source=source), reference="ref-1"),
        InvalidRecord(line=11, reason="the line is not a JSON object"),
    ]
    sandbox.faults.add("request_session", Fault.LOST_REPLY, at=3, times=1)
    sandbox.faults.add("update_session", Fault.NOT_JSON, at=5, times=1)
    tokens: set[str] = set()
    found: list[bytes] = []
    for retry_unknown in (False, True):
        async with client_of(sandbox) as checkout, Journal(path) as journal:
            tokens.add((await checkout.request_access_token()).access_token)
            outcomes = run(checkout, records, journal=journal, concurrency=2, retry_unknown=retry_unknown)
            async with aclosing(outcomes):
                async for _ in outcomes:
                    found += contents(path).values()
            found += contents(path).values()
        found.append(path.read_bytes())
    content = b"".join(found)
    assert b"ref-8" in content
    assert b"authenticated" in content
    secrets = CANARIES | {f"token {number}": token for number, token in enumerate(tokens)}
    for what, canary in secrets.items():
        for form in (canary.encode(), canary.encode().hex().encode(), base64.b64encode(canary.encode())):
            assert form not in content, what


async def test_purging_leaves_no_payment_data_in_the_bytes_of_any_file(path: Path) -> None:
    known = {"cryptogram": "Canary+Cryptogram+1234567890", "xid": "Canary/Xid/1234567890abcdef=", "eci": "C7"}
    async with Journal(path) as journal:
        for line in range(1, 50):
            settled = msgspec.structs.replace(outcome(line), **known)
            await journal.settle(await journal.claim(record(line)), settled)
        in_use = b"".join(contents(path).values())
        assert await journal.purge(0) == 49
        purged = b"".join(contents(path).values())
        await authenticated(journal, 50)
    for canary in known.values():
        assert canary.encode() in in_use
        assert canary.encode() not in purged + path.read_bytes()


async def test_a_record_that_is_sent_again_leaves_nothing_of_its_earlier_outcome(path: Path) -> None:
    async with Journal(path) as journal:
        doubt = outcome(1, BatchResult.UNKNOWN)
        gone = ErrorInfo(kind="NotFound", message="get_session: 404", status=404)
        await journal.settle(await journal.claim(record()), msgspec.structs.replace(doubt, error=gone))
    assert CRYPTOGRAM.encode() in path.read_bytes()
    async with Journal(path) as journal:
        assert (await journal.claim(record(), retry_unknown=True)).step is Step.SEND
    assert CRYPTOGRAM.encode() not in path.read_bytes()


async def test_the_key_is_in_its_own_file_only(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal)
    key = load_key(path)
    assert key is not None
    assert bytes(key) not in path.read_bytes()
    assert bytes(key).hex().encode() not in path.read_bytes()


async def test_all_files_are_the_owners_alone(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal)
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes == {"run.journal": 0o600, "run.journal-wal": 0o600, "run.journal.key": 0o600}


async def test_a_file_that_others_could_read_is_made_private(path: Path) -> None:
    path.touch(mode=0o644)
    assert await next_step(path) is Step.SEND
    assert path.stat().st_mode & 0o777 == 0o600


# The key


async def test_a_key_that_is_given_is_kept_by_the_caller_alone(path: Path) -> None:
    async with Journal(path, key=bytes(32)) as journal:
        await authenticated(journal)
    assert not key_file_of(path).exists()
    async with Journal(path, key=bytes(32)) as journal:
        assert (await journal.claim(record())).step is Step.REPLAY


async def test_a_journal_without_its_key_is_refused_rather_than_begun_anew(path: Path) -> None:
    assert await next_step(path) is Step.SEND
    key_file_of(path).unlink()
    with pytest.raises(BatchFileError, match=r"key of the journal .* is missing: put it back as .*run\.journal\.key"):
        await next_step(path)
    assert not key_file_of(path).exists()


async def test_a_journal_with_another_key_is_refused(path: Path) -> None:
    assert await next_step(path) is Step.SEND
    with pytest.raises(BatchFileError, match=r"the key given is not the one that the journal .*run\.journal was"):
        await Journal(path, key=bytes(32)).__aenter__()
    make_key(path)
    with pytest.raises(BatchFileError, match=r"the key in .*run\.journal\.key is not the one"):
        await next_step(path)


async def test_a_key_made_before_the_tables_of_the_journal_is_used(path: Path) -> None:
    """A process may end between the two."""
    open_database(path).close()
    key = make_key(path)
    assert await next_step(path) is Step.SEND
    assert load_key(path) == key
    async with Journal(path, key=key) as journal:
        assert (await journal.claim(record())).step is Step.HOLD


@pytest.mark.parametrize("damage", [lose, empty])
@pytest.mark.parametrize("create", [True, False])
async def test_a_journal_that_was_lost_is_not_begun_anew_next_to_its_key(
    path: Path, damage: Callable[[Path], None], create: bool
) -> None:
    assert await next_step(path) is Step.SEND
    damage(path)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    for _ in range(2):
        with pytest.raises(
            BatchFileError, match=r"run\.journal\.key shows that an earlier run had one\. Nothing was sent"
        ):
            await Journal(path, create=create).__aenter__()
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


async def test_a_journal_that_was_lost_is_not_begun_anew_next_to_its_log(path: Path) -> None:
    Path(f"{path}-wal").touch()
    with pytest.raises(BatchFileError, match=r"run\.journal-wal shows that an earlier run had one"):
        await next_step(path)
    assert not path.exists()


async def test_a_removed_journal_leaves_nothing(path: Path) -> None:
    assert await next_step(path) is Step.SEND
    remove_journal(path)
    remove_journal(path)
    assert [*path.parent.iterdir()] == []


async def test_a_journal_behind_a_link_is_private_and_is_removed_as_a_file(path: Path) -> None:
    behind = path.with_name("behind.journal")
    path.symlink_to(behind)
    assert await next_step(path) is Step.SEND
    assert behind.stat().st_mode & 0o777 == 0o600
    remove_journal(path)
    assert [each.name for each in path.parent.iterdir()] == ["run.journal"]
    assert path.is_symlink()


@pytest.mark.slow
async def test_what_is_no_journal_or_in_use_is_not_removed(path: Path) -> None:
    path.write_text("a thesis")
    with pytest.raises(BatchFileError, match="not a journal"):
        remove_journal(path)
    assert path.read_text() == "a thesis"
    path.unlink()
    async with Journal(path):
        with pytest.raises(JournalInUse):
            remove_journal(path)
        assert path.exists()


async def test_a_key_of_another_length_is_refused(path: Path) -> None:
    with pytest.raises(BatchFileError, match="32 bytes"):
        await Journal(path, key=b"short").__aenter__()


# Files that are no journal


async def refused(path: Path) -> str:
    """Why a file is refused, which names it and leaves it as it is."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(BatchFileError) as caught:
        await Journal(path).__aenter__()
    assert str(path) in str(caught.value)
    assert before == (path.read_bytes() if path.is_file() else b"")
    return str(caught.value)


async def test_a_text_is_not_a_journal(path: Path) -> None:
    path.write_text("What was sent: nothing.\n" * 100)
    assert "not a journal file" in await refused(path)


async def test_another_database_is_not_a_journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE record (id INTEGER PRIMARY KEY)")
    assert "is a database, but not a journal" in await refused(path)


async def test_a_directory_is_no_journal(path: Path) -> None:
    path.mkdir()
    assert "cannot open the journal" in await refused(path)


async def test_a_journal_is_made_in_a_directory_that_is_there(path: Path) -> None:
    assert "cannot create the journal" in await refused(path / "run.journal")


@pytest.mark.parametrize("version", [2, 4])
async def test_a_journal_of_another_format_is_refused(path: Path, version: int) -> None:
    assert await next_step(path) is Step.SEND
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    message = f"has format {version}, and this version of the package reads format 3 only: continue with the version"
    assert message in await refused(path)


async def test_the_command_ends_with_2_for_a_journal_of_another_format(
    env: dict[str, str], source: Path, target: Path, sandbox: Sandbox
) -> None:
    journal = Path(f"{target}.journal")
    assert await next_step(journal) is Step.SEND
    with closing(sqlite3.connect(journal)) as database:
        database.execute("PRAGMA user_version = 2")
    write_lines(source, [request(reference="A")])
    found = await run_command(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
    assert (found.code, sandbox.count("request_session")) == (2, 0)
    assert f"the journal {journal} has format 2" in found.err


async def test_a_journal_that_lost_its_end_is_refused(path: Path) -> None:
    await _filled(path)
    os.truncate(path, path.stat().st_size - 4096)
    assert "damaged" in await refused(path)


async def test_a_journal_with_a_damaged_page_is_refused(path: Path) -> None:
    await _filled(path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 4096)
    assert "damaged" in await refused(path)


async def _filled(path: Path) -> None:
    async with Journal(path, durable=False) as journal:
        for line in range(1, 100):
            await authenticated(journal, line)


async def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    assert await next_step(path) is Step.SEND


# Failing on the way


async def test_a_journal_that_cannot_be_written_says_so_and_keeps_what_it_confirmed(path: Path) -> None:
    process, connection = fork_worker(runs_out_of_room, str(path))
    with connection:
        line, _, message = (await heard(connection)).partition(" ")
    assert await ended(process) == 0
    assert f"the journal {path} failed: the disk" in message
    async with Journal(path) as journal:
        steps = {(await journal.claim(record(number))).step for number in range(1, int(line))}
        assert steps == {Step.REPLAY}
        assert (await journal.claim(record(int(line) + 1))).step is Step.SEND


async def test_a_journal_that_failed_takes_nothing_more_in(path: Path, tmp_path: Path) -> None:
    async with Journal(tmp_path / "other.journal") as other:
        stray = await other.claim(record())
    journal = Journal(path)
    await journal.__aenter__()
    with pytest.raises(JournalError, match="never claimed"):
        await journal.settle(stray, outcome())
    ending = journal.__aexit__(None, None, None)
    for later in (journal.claim(record(2)), journal.counts(), journal.export(print), journal.purge(0), ending):
        with pytest.raises(JournalError, match=r"the journal .*run\.journal failed: .+"):
            await later
    assert await next_step(path, record(2)) is Step.SEND


async def test_what_could_not_be_written_on_closing_is_an_error(path: Path, tmp_path: Path) -> None:
    async with Journal(tmp_path / "other.journal") as other:
        stray = await other.claim(record())
    journal = Journal(path)
    await journal.__aenter__()
    settling = asyncio.create_task(journal.settle(stray, outcome()))
    await asyncio.sleep(0)
    with pytest.raises(JournalError):
        await journal.__aexit__(None, None, None)
    with pytest.raises(JournalError):
        await settling


# Cancelled


class Hold:
    """Entries of an output whose reading lasts until it is let go: meanwhile the journal writes nothing."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._go = threading.Event()

    def __call__(self) -> dict[str, int]:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self._go.wait(60)
        return {}

    async def on(self, journal: Journal) -> asyncio.Task[None]:
        task = asyncio.create_task(journal.require_exported(Path("out.jsonl"), self))
        await self.reached.wait()
        return task

    def let_go(self) -> None:
        self._go.set()


async def _cancelled(work: Coroutine[object, object, object]) -> None:
    """Begin and cancel while it waits."""
    task = asyncio.create_task(work)
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_claim_of_a_cancelled_caller_is_withdrawn(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal, 9)
        hold = Hold()
        holding = await hold.on(journal)
        await _cancelled(journal.claim(record(1)))
        await _cancelled(journal.claim(record(2)))
        hold.let_go()
        await holding
        assert (await journal.claim(record(1))).step is Step.SEND, "within the run"
    assert await next_step(path, record(2)) is Step.SEND, "and after it"


async def test_a_claim_that_is_taken_back_leaves_an_earlier_doubt(path: Path) -> None:
    assert await next_step(path) is Step.SEND
    async with Journal(path) as journal:
        await authenticated(journal, 9)
        hold = Hold()
        holding = await hold.on(journal)
        await _cancelled(journal.claim(record(), retry_unknown=True))
        hold.let_go()
        await holding
    assert await next_step(path) is Step.HOLD


async def test_a_refused_claim_takes_nothing_back(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal, 9)
        assert (await journal.claim(record())).step is Step.SEND
        hold = Hold()
        holding = await hold.on(journal)
        await _cancelled(journal.claim(record()))
        hold.let_go()
        await holding
    assert await next_step(path) is Step.HOLD


async def test_an_outcome_is_written_even_if_the_caller_was_cancelled(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal, 9)
        claim = await journal.claim(record())
        hold = Hold()
        holding = await hold.on(journal)
        await _cancelled(journal.settle(claim, outcome()))
        hold.let_go()
        await holding
    assert await next_step(path) is Step.REPLAY


async def test_cancelling_one_does_not_disturb_the_others_of_its_batch(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal, 999)
        hold = Hold()
        holding = await hold.on(journal)
        claims = [asyncio.create_task(journal.claim(record(line))) for line in range(1, 51)]
        await _cancelled(journal.claim(record(51)))
        claims[6].cancel()
        hold.let_go()
        await holding
        steps = await asyncio.gather(*claims, return_exceptions=True)
    assert isinstance(steps.pop(6), asyncio.CancelledError)
    assert [step.step for step in steps if isinstance(step, Claim)] == [Step.SEND] * 49


async def test_closing_that_is_cancelled_writes_and_closes_all_the_same(path: Path) -> None:
    journal = Journal(path)
    await journal.__aenter__()
    await authenticated(journal, 9)
    claim = await journal.claim(record())
    hold = Hold()
    holding = await hold.on(journal)
    journal.record_session(claim, SID)
    await _cancelled(journal.__aexit__(None, None, None))
    hold.let_go()
    await holding
    assert await next_step(path) is Step.READ


async def test_a_claim_that_is_cancelled_while_the_journal_closes_stays_in_doubt(path: Path) -> None:
    journal = Journal(path)
    await journal.__aenter__()
    await authenticated(journal, 9)
    hold = Hold()
    holding = await hold.on(journal)
    claiming = asyncio.create_task(journal.claim(record()))
    ending = asyncio.create_task(journal.__aexit__(None, None, None))
    await asyncio.sleep(0)
    claiming.cancel()
    hold.let_go()
    await asyncio.gather(holding, ending)
    with pytest.raises(asyncio.CancelledError):
        await claiming
    assert await next_step(path) is Step.HOLD


async def test_opening_that_is_cancelled_leaves_the_journal_to_others(path: Path) -> None:
    async with Journal(path) as journal:
        await _cancelled(Journal(path).__aenter__())
        assert (await journal.claim(record())).step is Step.SEND
    assert await next_step(path) is Step.HOLD


# Read by people


async def test_the_closed_file_can_be_looked_at_with_sqlite(path: Path) -> None:
    async with Journal(path) as journal:
        await authenticated(journal)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        rows = database.execute(
            "SELECT line, reference, session_id, result, entry, json_extract(outcome, '$.cryptogram') FROM record"
        ).fetchall()
    assert rows == [(1, "ref-1", SID, "authenticated", 1, CRYPTOGRAM)]


async def test_a_journal_can_be_copied_with_its_key(path: Path, tmp_path: Path) -> None:
    assert await next_step(path) is Step.SEND
    copy = tmp_path / "elsewhere" / "copy.journal"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    shutil.copy(key_file_of(path), key_file_of(copy))
    assert await next_step(copy) is Step.HOLD
