"""`checkout-async authenticate --dry-run`: every record is checked, nothing is sent, written or asked for."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from checkout_async.sandbox import Sandbox
from tests.batch.files import as_csv
from tests.batch.support import CARD, request
from tests.commands import AUTHENTICATE, PATIENCE, Finished, finish, is_there, run, start, text_of, until, write_lines

pytestmark = pytest.mark.slow

CARD_COLUMNS = ("source.type", "source.number", "source.expiry_month", "source.expiry_year")
HEADER = (*CARD_COLUMNS, "amount", "currency", "completion.type", "reference")


@pytest.fixture
def bare() -> dict[str, str]:
    """An environment without credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHECKOUT_")}


def counts(done: Finished) -> list[tuple[str, str]]:
    """The rows of the table: what, and how often. Below them is what the lines of the input were."""
    *table, lines = done.out.splitlines()
    assert " read: " in lines
    rows = [row.split(maxsplit=1) for row in table]
    return [(what, count) for count, what in rows]


async def test_good_records_are_counted_without_credentials_and_nothing_is_written(
    bare: dict[str, str], source: Path, tmp_path: Path
) -> None:
    write_lines(source, [request(reference="a"), request(reference="b"), request()])
    done = await run(*AUTHENTICATE, source, "--dry-run", env=bare)
    assert (done.code, done.err) == (0, "")
    assert counts(done) == [("valid", "3"), ("invalid", "0")]
    assert [each.name for each in tmp_path.iterdir()] == [source.name]


async def test_nothing_is_sent_and_the_output_that_is_named_stays_as_it_is(
    env: dict[str, str], sandbox: Sandbox, source: Path, target: Path
) -> None:
    write_lines(source, [request(reference="a")])
    write_lines(target, ["precious"])
    done = await run(*AUTHENTICATE, source, "--output", target, "--dry-run", env=env)
    assert done.code == 0
    assert sandbox.requests == ()
    assert text_of(target) == "precious\n"
    assert not is_there(target.with_name("out.jsonl.journal"))


@pytest.mark.parametrize(("level", "invalid"), [("shape", 1), ("strict", 2), ("off", 0)])
async def test_records_are_checked_at_the_level_that_is_asked_for(
    bare: dict[str, str], source: Path, level: str, invalid: int
) -> None:
    write_lines(source, [request(), request(reference="x" * 101), request(amount="many")])
    done = await run(*AUTHENTICATE, source, "--dry-run", "--validate", level, env=bare)
    assert counts(done)[:2] == [("valid", str(3 - invalid)), ("invalid", str(invalid))]


async def test_problems_are_reported_by_line_and_counted_by_json_path(bare: dict[str, str], source: Path) -> None:
    lines: list[Mapping[str, object] | str] = [
        request(reference="a"),
        request(reference="b", amount=-1),
        f'{{"number": "{CARD}"',
        request(reference="c", amount="many"),
        request(reference="d", currency="POUNDS"),
    ]
    done = await run(*AUTHENTICATE, write_lines(source, lines), "--dry-run", env=bare)
    assert done.code == 1
    assert counts(done) == [
        ("valid", "1"),
        ("invalid", "4"),
        ("$.amount", "2"),
        ("InvalidRecord", "1"),
        ("$.currency", "1"),
    ]
    assert [line.partition(":")[0] for line in done.err.splitlines()] == [
        "line 2, $.amount",
        "line 3",
        "line 4, $.amount",
        "line 5, $.currency",
    ]
    assert CARD not in done.err + done.out


async def test_records_that_a_run_would_take_for_one_are_problems(bare: dict[str, str], source: Path) -> None:
    write_lines(source, [request(reference="a"), request(), request(reference="a", amount=7), request()])
    done = await run(*AUTHENTICATE, source, "--dry-run", env=bare)
    assert done.code == 1
    assert counts(done)[:2] == [("valid", "2"), ("invalid", "2")]
    assert "line 3, $.reference: the same reference as line 1; give each record its own" in done.err
    assert "line 4: the same request as line 2, without a reference" in done.err


async def test_of_many_problems_the_first_are_reported_and_all_counted(bare: dict[str, str], source: Path) -> None:
    write_lines(source, [request(reference=f"r{each}", amount=-each) for each in range(1, 1201)])
    done = await run(*AUTHENTICATE, source, "--dry-run", env=bare)
    assert counts(done) == [("valid", "0"), ("invalid", "1,200"), ("$.amount", "1,200")]
    *shown, rest = done.err.splitlines()
    assert len(shown) == 20
    assert rest == "and 1,180 more; --rejects FILE gets all of them"


async def test_no_more_is_read_than_the_limit(bare: dict[str, str], source: Path) -> None:
    write_lines(source, [request(reference="a"), request(reference="b"), "{"])
    done = await run(*AUTHENTICATE, source, "--dry-run", "--limit", "2", env=bare)
    assert (done.code, counts(done)[0]) == (0, ("valid", "2"))


async def test_ctrl_c_ends_it_without_a_traceback(bare: dict[str, str]) -> None:
    process = await start(*AUTHENTICATE, "-", "--dry-run", env=bare)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"{\n")
    assert (await process.stderr.readline()).startswith(b"line 1: ")
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert (done.code, done.err) == (130, "")


async def test_sigterm_ends_it_on_a_silent_input_and_leaves_nothing_behind(
    bare: dict[str, str], tmp_path: Path
) -> None:
    process = await start(*AUTHENTICATE, "-", "--dry-run", env=bare | {"TMPDIR": str(tmp_path)})
    await until(lambda: any(tmp_path.glob("*/dry-run.journal")))
    process.send_signal(signal.SIGTERM)
    # Standard input stays open.
    assert await asyncio.wait_for(process.wait(), timeout=PATIENCE) == 143
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.jsonl.gz", "-"])
async def test_any_input_is_checked(bare: dict[str, str], tmp_path: Path, name: str) -> None:
    rows = [["card", CARD, 1, 2035, amount, "GBP", "non_hosted", f"ref-{amount}"] for amount in (100, "x", 300)]
    requests = [request(reference="a"), request(reference="b", amount="x"), request(reference="c")]
    lines = tmp_path / "lines"
    content = as_csv(HEADER, *rows) if "csv" in name else write_lines(lines, requests).read_bytes()
    path = tmp_path / name
    if name != "-":
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    done = await run(*AUTHENTICATE, path if name != "-" else "-", "--dry-run", env=bare, stdin=content)
    assert (done.code, counts(done)) == (1, [("valid", "2"), ("invalid", "1"), ("$.amount", "1")])
    place = "row 3, column amount" if "csv" in name else "line 2, $.amount"
    assert done.err == f"{place}: not a whole number\n"


async def test_input_that_cannot_be_read_to_its_end_is_no_success(bare: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    lines = write_lines(tmp_path / "lines", [request(reference="a"), request(reference="b")])
    path.write_bytes(gzip.compress(lines.read_bytes())[:-9])
    done = await run(*AUTHENTICATE, path, "--dry-run", env=bare)
    assert (done.code, counts(done)[1]) == (3, ("invalid", "0"))
    assert done.err == "stopped: cannot read the input: the gzip data end too early; the file is not complete\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "cannot read the input file missing.jsonl: No such file or directory"),
        (["records.txt"], "the format of records.txt is unknown; set it with --input-format or --output-format"),
        (["-", "--input-format", "parquet"], "Parquet cannot be a standard stream"),
        (["-", "--limit", "0"], "--limit"),
    ],
)
async def test_input_that_cannot_be_opened_is_wrong_usage(
    bare: dict[str, str], arguments: list[str], message: str
) -> None:
    done = await run(*AUTHENTICATE, *arguments, "--dry-run", env=bare)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
