"""`checkout-async batch purge`: payment data of old outcomes leave the journal, what prevents sending twice stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from checkout_async.batch import Journal
from checkout_async.sandbox import Sandbox
from tests.batch.support import request
from tests.commands import AUTHENTICATE, results_in, run, text_of, write_lines

pytestmark = pytest.mark.slow


def journal_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.journal")


async def first_run(env: dict[str, str], source: Path, target: Path) -> str:
    """Authenticate two records; return the cryptogram of the first."""
    write_lines(source, [request(reference="ref-1"), request(reference="ref-2")])
    assert (await run(*AUTHENTICATE, source, "--output", target, env=env)).code == 0
    return str(results_in(text_of(target))[1]["cryptogram"])


def files_of(journal: Path) -> bytes:
    return b"".join(path.read_bytes() for path in journal.parent.glob(f"{journal.name}*"))


def settle_at(journal: Path, time: int) -> None:
    with closing(sqlite3.connect(journal)) as database:
        database.execute("UPDATE record SET settled_at = ? WHERE line = 1", (time,))
        database.commit()


async def test_old_payment_data_are_gone_from_the_file_and_nothing_is_sent_again(
    env: dict[str, str], sandbox: Sandbox, source: Path, target: Path
) -> None:
    cryptogram = (await first_run(env, source, target)).encode()
    journal = journal_of(target)
    assert cryptogram in files_of(journal)
    settle_at(journal, 0)
    done = await run("batch", "purge", journal, env=env)
    assert (done.code, done.out, done.err) == (0, "removed the payment data of 1 outcomes\n", "")
    assert cryptogram not in files_of(journal)
    again = await run(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
    assert (again.code, sandbox.count("request_session")) == (0, 2)
    first, second = (results_in(text_of(target))[line] for line in (1, 2))
    assert first["result"] == second["result"] == "authenticated"
    assert not first.keys() & {"eci", "cryptogram", "xid"}
    assert first["session_id"]
    assert second["cryptogram"]


async def test_the_number_of_days_is_an_option(env: dict[str, str], source: Path, target: Path) -> None:
    await first_run(env, source, target)
    for days, count in (("1", 0), ("0", 2), ("0", 0)):
        done = await run("batch", "purge", journal_of(target), "--older-than", days, env=env)
        assert (done.code, done.out) == (0, f"removed the payment data of {count} outcomes\n")


async def test_a_file_that_is_no_journal_is_refused_and_left_alone(env: dict[str, str], tmp_path: Path) -> None:
    path = write_lines(tmp_path / "other.journal", ["precious"])
    done = await run("batch", "purge", path, env=env)
    assert (done.code, done.out, text_of(path)) == (2, "", "precious\n")
    assert str(path) in done.err
    assert "Traceback" not in done.err


async def test_a_journal_that_does_not_exist_or_is_in_use_is_refused(
    env: dict[str, str], source: Path, target: Path, tmp_path: Path
) -> None:
    assert (await run("batch", "purge", tmp_path / "none.journal", env=env)).code == 2
    assert [*tmp_path.iterdir()] == []
    empty = await run("batch", "purge", write_lines(tmp_path / "empty.journal", []), env=env)
    assert (empty.code, "is empty" in empty.err) == (2, True)
    await first_run(env, source, target)
    async with Journal(journal_of(target)):
        done = await run("batch", "purge", journal_of(target), env=env)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "another process has it open" in done.err
