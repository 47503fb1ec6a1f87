"""`checkout-async batch purge`: payment data leave the journal, and nothing is sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checkout_async.batch.journal import Journal
from checkout_async.sandbox import Sandbox
from tests.batch.support import request
from tests.commands import AUTHENTICATE, Finished, run, write_lines

PAYMENT_DATA = ("cryptogram", "eci", "xid")


@pytest.fixture
def journal(target: Path) -> Path:
    return Path(f"{target}.journal")


async def authenticated(source: Path, target: Path, env: dict[str, str], *options: str) -> list[dict[str, Any]]:
    write_lines(source, [request(reference=f"ref-{line}") for line in (1, 2, 3)])
    found = await run(*AUTHENTICATE, source, "--output", target, *options, env=env)
    assert found.code == 0, found.err
    return [json.loads(row) for row in target.read_text().splitlines()]


async def purge(journal: Path, env: dict[str, str], *options: str) -> Finished:
    return await run("batch", "purge", journal, *options, env=env)


async def test_a_purged_batch_has_no_payment_data_and_sends_nothing_again(
    source: Path, target: Path, journal: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    rows = await authenticated(source, target, env)
    secrets = [row[name].encode() for row in rows for name in ("cryptogram", "xid")]
    assert all(secret in journal.read_bytes() for secret in secrets)
    found = await purge(journal, env, "--older-than", "0")
    assert (found.code, found.out.strip()) == (0, "removed the payment data of 3 outcomes")
    assert not any(secret in journal.read_bytes() for secret in secrets)
    assert [json.loads(row) for row in target.read_text().splitlines()] == rows, "the output is not changed"
    again = await authenticated(source, target, env, "--resume")
    assert again == [{name: value for name, value in row.items() if name not in PAYMENT_DATA} for row in rows]
    assert sandbox.count("request_session") == 3


async def test_young_outcomes_are_left(source: Path, target: Path, journal: Path, env: dict[str, str]) -> None:
    rows = await authenticated(source, target, env)
    found = await purge(journal, env)
    assert (found.code, found.out.strip()) == (0, "removed the payment data of 0 outcomes")
    assert rows[0]["cryptogram"].encode() in journal.read_bytes()


@pytest.mark.slow
async def test_a_journal_that_cannot_be_purged_ends_with_2_and_stays(
    source: Path, target: Path, journal: Path, env: dict[str, str]
) -> None:
    await authenticated(source, target, env)
    missing = await purge(journal.with_name("other.journal"), env)
    assert missing.code == 2
    assert not journal.with_name("other.journal").exists()
    no_journal = await purge(source, env)
    assert (no_journal.code, "not a journal file" in no_journal.err) == (2, True)
    async with Journal(journal):
        in_use = await purge(journal, env, "--older-than", "0")
    assert (in_use.code, "another process has it open" in in_use.err) == (2, True)
    assert "Traceback" not in missing.err + no_journal.err + in_use.err
