"""`checkout-async authenticate` with the files that people have: CSV, Parquet, gzip, standard streams, reports."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from checkout_async.batch.arrow import ParquetWriter, open_parquet, read_batches
from checkout_async.sandbox import Fault, Sandbox, card_number
from tests.batch.files import as_csv
from tests.batch.support import CARD, request
from tests.commands import AUTHENTICATE, is_there, mode_of, results_in, run, start, text_of, until, write_lines

pytestmark = pytest.mark.slow

CARD_COLUMNS = ("source.type", "source.number", "source.expiry_month", "source.expiry_year")
HEADER = (*CARD_COLUMNS, "amount", "currency", "completion.type", "reference")
DECLINED = card_number("declined")
CHALLENGE = card_number("challenge")
SLOW = card_number("slow")
RECURRING = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}


def row(reference: str, number: str = CARD, amount: object = 100) -> list[object]:
    return ["card", number, 1, 2035, amount, "GBP", "non_hosted", reference]


def table(*rows: list[object], delimiter: str = ",") -> bytes:
    """A CSV file as a spreadsheet writes it."""
    return as_csv(HEADER, *rows, delimiter=delimiter)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def written(target: Path) -> Sequence[Mapping[str, object]]:
    """The rows of an output of any format."""
    if target.suffix == ".parquet":
        return read_parquet(target)
    text = text_of(target)
    return rows_of(text) if target.suffix == ".csv" else list(results_in(text).values())


def by_reference(rows: Sequence[Mapping[str, object]]) -> dict[object, object]:
    return {each["reference"]: each["result"] for each in rows}


class TestCsv:
    async def test_in_and_out(self, env: dict[str, str], tmp_path: Path) -> None:
        source = write(tmp_path / "in.csv", table(row("a"), row("b", DECLINED), row("c", amount=-1)))
        target = tmp_path / "out.csv"
        done = await run(*AUTHENTICATE, source, "--output", target, "--in-order", env=env)
        [first, second, third] = rows_of(text_of(target))
        assert (done.code, mode_of(target)) == (1, 0o600)
        assert "3 of 3: " in done.err
        assert (first["line"], first["result"], first["status"]) == ("2", "authenticated", "approved")
        assert first["cryptogram"]
        assert second["result"] == "declined"
        assert (third["result"], third["error.kind"], third["error.path"]) == ("invalid", "InvalidRequest", "$.amount")

    async def test_is_resumed(self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        write(source, table(row("a"), row("b", amount=-1)))
        await run(*AUTHENTICATE, source, "--output", target, env=env)
        write(source, table(row("a"), row("b"), row("c")))
        done = await run(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
        assert (done.code, sandbox.count("request_session")) == (0, 3)
        assert by_reference(rows_of(text_of(target))) == dict.fromkeys("abc", "authenticated")

    async def test_with_semicolons_within_gzip(self, env: dict[str, str], tmp_path: Path, target: Path) -> None:
        source = write(tmp_path / "in.csv.gz", gzip.compress(table(row("a"), row("b"), delimiter=";")))
        done = await run(*AUTHENTICATE, source, "--output", target, env=env)
        assert (done.code, set(results_in(text_of(target)))) == (0, {2, 3})

    async def test_on_standard_input(self, env: dict[str, str], target: Path) -> None:
        options = ("--output", target, "--input-format", "csv")
        done = await run(*AUTHENTICATE, "-", *options, env=env, stdin=table(row("a"), row("b")))
        assert (done.code, set(results_in(text_of(target)))) == (0, {2, 3})

    async def test_on_standard_output(self, env: dict[str, str], source: Path) -> None:
        write_lines(source, [request(reference="a")])
        done = await run(*AUTHENTICATE, source, "--output", "-", "--output-format", "csv", env=env)
        assert (done.code, by_reference(rows_of(done.out))) == (0, {"a": "authenticated"})

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"4,100\n", "the first row of a CSV file names the fields"),
            (b"source.number,amout\n", 'did you mean "amount"?'),
            (b"", "the input is empty"),
        ],
    )
    async def test_with_a_header_that_names_no_fields_is_refused_before_anything_is_made(
        self, env: dict[str, str], tmp_path: Path, target: Path, content: bytes, message: str
    ) -> None:
        done = await run(*AUTHENTICATE, write(tmp_path / "in.csv", content), "--output", target, env=env)
        assert (done.code, done.out, is_there(target)) == (2, "", False)
        assert message in done.err
        assert [each.name for each in tmp_path.iterdir()] == ["in.csv"]

    async def test_merchant_initiated_by_channel_data(
        self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path, target: Path
    ) -> None:
        data = write_lines(tmp_path / "recurring.json", [RECURRING])
        source = write(tmp_path / "in.csv", table(row("a"), row("b", CHALLENGE)))
        done = await run("authenticate", source, "--output", target, "--channel-data", data, env=env)
        assert done.code == 0
        # Nobody is there to be challenged.
        assert by_reference(list(results_in(text_of(target)).values())) == {"a": "authenticated", "b": "declined"}
        assert sandbox.count("update_session") == 2


class TestParquet:
    async def test_in_and_out(self, env: dict[str, str], tmp_path: Path) -> None:
        source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
        write_parquet(source, row("a"), row("b", DECLINED), row("c", amount=-1))
        done = await run(*AUTHENTICATE, source, "--output", target, "--in-order", env=env)
        assert (done.code, mode_of(target)) == (1, 0o600)
        [first, second, third] = read_parquet(target)
        assert (first["line"], first["result"], first["status"]) == (1, "authenticated", "approved")
        assert second["result"] == "declined"
        assert (third["result"], third["error.path"]) == ("invalid", "$.amount")
        assert [each.name for each in tmp_path.glob("out.*") if ".journal" not in each.name] == ["out.parquet"]

    async def test_is_resumed(self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
        write_parquet(source, row("a"), row("b", amount=-1))
        await run(*AUTHENTICATE, source, "--output", target, env=env)
        write_parquet(source, row("a"), row("b"), row("c"))
        done = await run(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
        assert (done.code, sandbox.count("request_session")) == (0, 3)
        assert by_reference(read_parquet(target)) == dict.fromkeys("abc", "authenticated")

    async def test_of_a_killed_run_is_exported_by_the_next_one(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "out.parquet"
        write_lines(source, [request(reference="a"), request(reference="b")])
        sandbox.faults.add("request_session", Fault.STALLED_REPLY, at=2, times=1)
        process = await start(*AUTHENTICATE, source, "--output", target, "--concurrency", "1", env=env)
        await until(lambda: len(sandbox.sessions) == 2)
        process.kill()
        await process.wait()
        assert not is_there(target)
        done = await run(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
        assert (done.code, sandbox.count("request_session")) == (1, 2)
        assert by_reference(read_parquet(target)) == {"a": "authenticated", "b": "unknown"}


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
async def test_a_reference_that_cannot_be_one_is_not_in_the_results_and_the_run_can_be_resumed(
    env: dict[str, str], source: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    write_lines(source, [request(reference="x" * 1_048_300), request(reference="x" * 200)])
    for options in ([], ["--resume"]):
        done = await run(*AUTHENTICATE, source, "--output", target, *options, env=env)
        assert (done.code, "stopped" in done.err) == (1, False)
        by_line = {int(str(each["line"])): each for each in written(target)}
        assert {line: each["result"] for line, each in by_line.items()} == {1: "invalid", 2: "authenticated"}
        assert by_line[1].get("reference") in {None, ""}
        assert by_line[2]["reference"] == "x" * 200


class TestGzip:
    async def test_of_json_lines(self, env: dict[str, str], tmp_path: Path, target: Path) -> None:
        lines = write_lines(tmp_path / "lines", [request(reference="a"), request(reference="b")])
        source = write(tmp_path / "in.jsonl.gz", gzip.compress(lines.read_bytes()))
        done = await run(*AUTHENTICATE, source, "--output", target, env=env)
        assert (done.code, set(results_in(text_of(target)))) == (0, {1, 2})

    async def test_on_standard_input(self, env: dict[str, str], tmp_path: Path, target: Path) -> None:
        lines = write_lines(tmp_path / "lines", [request(reference="a")])
        done = await run(*AUTHENTICATE, "-", "--output", target, env=env, stdin=gzip.compress(lines.read_bytes()))
        assert (done.code, set(results_in(text_of(target)))) == (0, {1})

    async def test_that_ends_too_early_stops_the_run_and_is_resumed_when_it_is_whole(
        self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path, target: Path
    ) -> None:
        lines = write_lines(tmp_path / "lines", [request(reference=f"ref-{each}") for each in range(20)])
        whole = gzip.compress(lines.read_bytes())
        source = write(tmp_path / "in.jsonl.gz", whole[:-9])
        stopped = await run(*AUTHENTICATE, source, "--output", target, env=env)
        assert stopped.code == 3
        assert "stopped: cannot read the input: the gzip data end too early" in stopped.err
        write(source, whole)
        done = await run(*AUTHENTICATE, source, "--output", target, "--resume", env=env)
        assert (done.code, len(results_in(text_of(target))), sandbox.count("request_session")) == (0, 20, 20)


class TestReport:
    async def test_as_json_and_as_a_page(self, env: dict[str, str], source: Path, target: Path, tmp_path: Path) -> None:
        write_lines(source, [request(reference="a"), request(DECLINED, reference="b"), request(amount=-1)])
        report = tmp_path / "report.json"
        first = await run(*AUTHENTICATE, source, "--output", target, "--report", report, env=env)
        written = json.loads(text_of(report))
        assert (first.code, written["records"], written["results"]) == (
            1,
            3,
            {"authenticated": 1, "declined": 1, "invalid": 1},
        )
        page = tmp_path / "report.html"
        again = await run(*AUTHENTICATE, source, "--output", target, "--report", page, "--resume", env=env)
        assert again.code == 1
        assert text_of(page).startswith("<!doctype html>")
        assert CARD not in text_of(page) + text_of(report)

    @pytest.mark.parametrize("name", ["report.pdf", "missing/report.json"])
    async def test_that_cannot_be_written_is_refused_before_anything_is_sent(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path, tmp_path: Path, name: str
    ) -> None:
        write_lines(source, [request(reference="a")])
        done = await run(*AUTHENTICATE, source, "--output", target, "--report", tmp_path / name, env=env)
        assert (done.code, done.out, sandbox.requests) == (2, "", ())
        assert name in done.err


async def test_results_stand_in_the_order_of_the_input_where_that_is_asked_for(
    env: dict[str, str], source: Path, target: Path
) -> None:
    cards = [SLOW, CARD, CARD, DECLINED, SLOW, CARD]
    write_lines(source, [request(card, reference=f"ref-{place}") for place, card in enumerate(cards)])
    done = await run(*AUTHENTICATE, source, "--output", target, "--in-order", env=env)
    assert (done.code, list(results_in(text_of(target)))) == (0, [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["in.dat", "--output", "out.jsonl"], "the format of in.dat is unknown; set it with --input-format"),
        (["in.jsonl", "--output", "out.xlsx"], "the format of out.xlsx is unknown; set it with --input-format"),
        (["in.jsonl", "--output", "out.jsonl.gz"], "results are not compressed"),
        (["in.parquet", "--output", "out.jsonl"], "cannot read the input file in.parquet"),
        (["in.jsonl", "--output", "-", "--output-format", "parquet"], "Parquet cannot be a standard stream"),
        (["/proc/self/mem", "--input-format", "jsonl", "--output", "out.jsonl"], "cannot read the input file /proc/"),
        (["in.jsonl", "--output", "nowhere/out.jsonl"], "No such file or directory"),
        (["in.jsonl", "--output", "out.jsonl", "--output-format", "xml"], "'xml' is not one of"),
    ],
)
async def test_formats_that_cannot_be_had_are_refused_before_anything_is_sent_or_made(
    env: dict[str, str], sandbox: Sandbox, tmp_path: Path, options: list[str], message: str
) -> None:
    write_lines(tmp_path / "in.jsonl", [request(reference="a")])
    write_lines(tmp_path / "in.dat", [request(reference="a")])
    inside = [str(tmp_path / each) if "." in each else each for each in options]
    done = await run(*AUTHENTICATE, *inside, env=env)
    assert (done.code, done.out, sandbox.requests) == (2, "", ())
    assert message in done.err.replace(f"{tmp_path}/", "")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.dat", "in.jsonl"]


def write_parquet(path: Path, *rows: list[object]) -> None:
    columns = {name: type(cell) for name, cell in zip(HEADER, rows[0], strict=True)}
    with path.open("wb") as file, closing(ParquetWriter(file, columns)) as writer:
        writer.write([dict(zip(HEADER, cells, strict=True)) for cells in rows])


def read_parquet(path: Path) -> list[dict[str, object]]:
    with closing(open_parquet(path)) as file:
        return [each for batch in read_batches(file, 1000) for each in batch.to_pylist()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--partitions", "3"), "--partitions and --folder need --scheduler"),
        (("--folder", "."), "--partitions and --folder need --scheduler"),
        (("--scheduler", "tcp://127.0.0.1:9", "--limit", "3"), "--limit: each worker reads the whole input"),
        (("--scheduler", "tcp://127.0.0.1:9", "--dry-run"), "--scheduler does not support --dry-run: it sends nothing"),
        (("--scheduler", "tcp://127.0.0.1:9", "--in-order"), "--in-order: the results are in the order of the input"),
    ],
)
async def test_options_that_do_not_go_together_are_refused(
    env: dict[str, str], source: Path, target: Path, options: tuple[str, ...], message: str
) -> None:
    write_lines(source, [request()])
    done = await run(*AUTHENTICATE, source, "--output", target, *options, env=env)
    assert (done.code, is_there(target)) == (2, False)
    assert message in done.err
