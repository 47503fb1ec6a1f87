"""Files that are not what they were named as stay as they are, and a journal that goes away is noticed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result

from checkout_async.batch import Journal, run_file
from checkout_async.batch.files import RunFiles
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.database import not_opened
from checkout_async.batch.results import OutputFile
from checkout_async.cli import cli
from checkout_async.errors import BatchFileError, ConfigurationError, DiskFull, JournalError, JournalInUse
from checkout_async.files import file_error
from tests.batch.support import RECURRING, ScriptedSender, record, reference_of, request, session
from tests.commands import mode_of, write_lines


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


async def opened(path: Path) -> None:
    async with Journal(path):
        pass


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def text_file(path: Path) -> None:
    path.write_text("reference,amount\nORD-1,100\n" * 20)


def binary_file(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def short_file(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE mine (id)")
        other.commit()


def journal_of_another_format(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE journal (id)")
        other.execute(f"PRAGMA application_id = {0x434B4F4A}")
        other.execute("PRAGMA user_version = 99")
        other.commit()


FOREIGN = (text_file, binary_file, short_file, database, journal_of_another_format)


class TestForeign:
    @pytest.mark.parametrize("make", FOREIGN)
    def test_file_that_is_named_as_journal_is_not_changed(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        path = tmp_path / "mine"
        make(path)
        path.chmod(0o644)
        before = path.read_bytes(), mode_of(path), path.stat().st_mtime_ns, names_in(tmp_path)
        with pytest.raises(BatchFileError, match=r"not a journal|not a journal file|has format 99"):
            asyncio.run(opened(path))
        assert call("batch", "purge", path).exit_code == 2
        assert (path.read_bytes(), mode_of(path), path.stat().st_mtime_ns, names_in(tmp_path)) == before

    def test_empty_file_is_not_purged(self, tmp_path: Path) -> None:
        path = tmp_path / "empty"
        path.touch(0o644)
        assert (call("batch", "purge", path).exit_code, path.read_bytes(), mode_of(path)) == (2, b"", 0o644)
        assert names_in(tmp_path) == ["empty"]

    def test_fifo_is_no_journal(self, tmp_path: Path) -> None:
        os.mkfifo(fifo := tmp_path / "fifo")
        assert call("batch", "purge", fifo).exit_code == 2

    @pytest.mark.parametrize("suffix", [".journal.key", ".journal-wal"])
    def test_input_is_not_what_belongs_to_the_journal(self, tmp_path: Path, suffix: str) -> None:
        output = tmp_path / "out.jsonl"
        files = RunFiles(input=Path(f"{output}{suffix}"), output=output, input_format=Format.JSONL, force=True)
        with pytest.raises(BatchFileError, match="is the input file"):
            files.check()


@pytest.mark.parametrize("name", [":memory:", "file:run?mode=memory", "file:run"])
async def test_names_that_sqlite_takes_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Journal(name) as journal:
        assert (await journal.claim(record())).outcome is None
    assert (tmp_path / name).read_bytes().startswith(b"SQLite format 3\0")
    async with Journal(name, create=False) as journal:
        assert sum((await journal.counts()).values()) == 1


def is_locked_for_others(path: Path) -> bool:
    if not (child := os.fork()):
        try:
            sqlite3.connect(path, timeout=0).execute("SELECT * FROM journal")
        except sqlite3.OperationalError:
            os._exit(7)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.slow
async def test_a_second_use_in_this_process_does_not_unlock_the_first(tmp_path: Path) -> None:
    """Closing any descriptor of the file would drop the locks that SQLite has on it."""
    path = tmp_path / "run.journal"
    async with Journal(path):
        with pytest.raises(JournalInUse):
            async with Journal(path):
                pass
        assert is_locked_for_others(path)


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


async def used(path: Path, end: Callable[[Path], None], *, before_the_claim: bool) -> None:
    async with Journal(path) as journal:
        if before_the_claim:
            end(path)
        await journal.claim(record())
        assert not before_the_claim, "the claim was written to a file that is gone"
        end(path)


@pytest.mark.parametrize("end", [remove, replace])
class TestJournalThatGoesAway:
    async def test_is_noticed_at_the_next_write(self, tmp_path: Path, end: Callable[[Path], None]) -> None:
        with pytest.raises(JournalError, match="removed or replaced"):
            await used(tmp_path / "run.journal", end, before_the_claim=True)

    async def test_is_noticed_at_the_end(self, tmp_path: Path, end: Callable[[Path], None]) -> None:
        with pytest.raises(JournalError, match="removed or replaced"):
            await used(tmp_path / "run.journal", end, before_the_claim=False)

    async def test_ends_a_run(self, source: Path, target: Path, end: Callable[[Path], None]) -> None:
        write_lines(source, [request(reference=f"ref-{line}", channel_data=SHARED) for line in range(1, 4)])
        journal = target.with_name(f"{target.name}.journal")
        sender = ScriptedSender(lambda each: session(id=f"sid_{reference_of(each):a>26}"))
        with pytest.raises(JournalError, match="removed or replaced"):
            await run_file(sender, source, target, on_outcome=lambda _: end(journal) if journal.exists() else None)


SHARED = {"channel": "merchant_initiated", "request_type": str(RECURRING.request_type)}


class TestDiskFull:
    def test_a_device_without_room(self) -> None:
        with pytest.raises(DiskFull, match="No space left"):
            OutputFile.create(Path("/dev/full"), Format.CSV)

    def test_the_journal(self, tmp_path: Path) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        assert isinstance(not_opened(tmp_path, error), DiskFull)

    def test_the_command_ends_like_a_run_that_meets_it_later(self, source: Path, target: Path) -> None:
        full = file_error("cannot create the output", OSError(28, "No space left on device"))
        with patch.object(RunFiles, "check_rejects", side_effect=full):
            assert call("authenticate", source, "-o", target, "--dry-run").exit_code == 3


@pytest.mark.parametrize("number", ["inf", "nan", "-inf", "1e300", "-1", "x"])
@pytest.mark.parametrize(
    "command",
    [
        ("batch", "purge", "{file}", "--older-than"),
        ("authenticate", "{file}", "-o", "-", "--outage-timeout"),
        ("authenticate", "{file}", "-o", "-", "--rate"),
        ("sandbox", "--payment-delay"),
        ("sandbox", "--callback-timeout"),
    ],
    ids=lambda command: command[-1],
)
def test_a_number_that_cannot_be_meant_is_a_usage_error(tmp_path: Path, command: tuple[str, ...], number: str) -> None:
    (file := tmp_path / "in.jsonl").touch()
    done = call(*(each.format(file=file) for each in command), number)
    assert (done.exit_code, f"Invalid value for '{command[-1]}'" in done.output) == (2, True)


async def test_an_age_without_an_end_is_refused(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.journal") as journal:
        for age in (float("nan"), float("inf"), -1.0):
            with pytest.raises(ConfigurationError, match="older_than"):
                await journal.purge(age)
        assert await journal.purge(1e300) == 0


def test_control_characters_of_a_file_name_are_escaped(tmp_path: Path) -> None:
    name = tmp_path / "\x1b[31mred\x9b.jsonl"
    for done in (
        call("authenticate", name, "-o", tmp_path / "out.jsonl", "--dry-run"),
        call("batch", "purge", name),
    ):
        assert done.exit_code == 2
        assert not set(done.output) & {"\x1b", "\x9b"}
        assert "\\x1b[31mred\\x9b.jsonl" in done.output
