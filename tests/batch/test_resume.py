"""A run continues with the output of an earlier one: it is written anew from the journal, and read only to refuse."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path

import pytest
from msgspec.structs import replace

from checkout_async.batch import ErrorInfo, Journal, Outcome
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.opening import remove_journal
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.results import OutputFile
from checkout_async.batch.results.rows import entries_in
from checkout_async.errors import BatchFileError
from tests.batch.support import CARD, bad_line
from tests.batch.test_results import FILES, lines_in, mode_of, outcome, rows_in, settled

FAILURE = ErrorInfo(kind="ConnectFailed", message='nothing\nwas, "sent" à Genève')
OPEN = [BatchResult.INVALID, BatchResult.FAILED, BatchResult.UNKNOWN]


@pytest.fixture(params=FILES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def journal_of(path: Path) -> Journal:
    return Journal(path.parent / "run.journal", durable=False)


async def first_run(path: Path, *outcomes: Outcome, finished: bool = True) -> None:
    async with journal_of(path) as journal:
        with OutputFile.create(path) as output:
            for each in await settled(journal, *outcomes):
                output.write(each)
            if finished:
                await output.finish(journal)


async def second_run(path: Path, *outcomes: Outcome) -> list[int]:
    """Continue to the end, and return the lines with which the output began."""
    async with journal_of(path) as journal:
        with await OutputFile.resume(path, journal) as output:
            begun = [] if path.suffix == ".parquet" else lines_in(path)
            for each in await settled(journal, *outcomes):
                output.write(each)
            await output.finish(journal, is_complete=False)
    return begun


async def refused(path: Path, journal: Path | None = None) -> str:
    """Why the output is refused, and stays as it is."""
    before = path.read_bytes()
    async with Journal(journal or path.parent / "run.journal", durable=False) as opened:
        with pytest.raises(BatchFileError) as caught:
            await OutputFile.resume(path, opened)
    assert path.read_bytes() == before
    return str(caught.value)


def without_entry(path: Path) -> None:
    """Remove the entries from an output, as an output without a journal has none."""
    if path.suffix == ".jsonl":
        path.write_text("".join(f'{{"line": {line}, "result": "expired"}}\n' for line in lines_in(path)))
    elif path.suffix == ".csv":
        header, *rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join([header, *(f"{row.rpartition(',')[0]},\r\n" for row in rows)]))
    else:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        table = parquet.read_table(path)
        empty = arrow.nulls(table.num_rows, arrow.string())
        parquet.write_table(table.set_column(table.num_columns - 1, "entry", empty), path)


async def test_rows_that_are_not_final_go_and_come_back_at_the_end_unless_they_are_known_better(path: Path) -> None:
    undone = [Outcome(line=line, result=result, error=FAILURE) for line, result in enumerate(OPEN, 10)]
    await first_run(path, outcome(3), *undone, outcome(1))
    assert await second_run(path, outcome(11), outcome(4)) == ([] if path.suffix == ".parquet" else [1, 3])
    assert [(int(str(row["line"])), row["result"]) for row in rows_in(path)] == [
        (1, "authenticated"),
        (3, "authenticated"),
        (4, "authenticated"),
        (10, "invalid"),
        (11, "authenticated"),
        (12, "unknown"),
    ]


async def test_a_run_that_left_no_file_is_begun(path: Path) -> None:
    assert await second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


@pytest.mark.parametrize("finished", [False, True])
async def test_a_run_that_did_nothing_can_be_continued(finished: bool, path: Path) -> None:
    await first_run(path, finished=finished)
    assert await second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


async def test_it_may_be_resumed_again_and_again(path: Path) -> None:
    await first_run(path, outcome(1))
    for line in range(2, 5):
        await second_run(path, outcome(line))
        assert lines_in(path) == [*range(1, line + 1)]


async def test_a_deleted_output_is_exported_again_from_the_journal(path: Path) -> None:
    await first_run(path, outcome(2), outcome(1), Outcome(line=3, result=BatchResult.INVALID, error=FAILURE))
    before = rows_in(path)
    path.unlink()
    await second_run(path)
    assert rows_in(path) == before


@pytest.mark.parametrize("name", FILES[:2])
async def test_a_last_row_may_be_torn_anywhere_also_in_a_quoted_cell(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    torn = Outcome(line=2, result=BatchResult.EXPIRED, error=FAILURE)
    await first_run(path, outcome(1), finished=False)
    whole = path.read_bytes()
    async with journal_of(path) as journal:
        with await OutputFile.resume(path, journal) as output:
            output.write((await settled(journal, torn))[0])
    content = path.read_bytes()
    assert content.startswith(whole)
    for length in range(len(whole), len(content)):
        path.write_bytes(content[:length])
        assert [*entries_in(path, Format(path.suffix[1:])).values()] == [1], length
    path.write_bytes(content[: content.index(b"sent")])
    await second_run(path)
    assert lines_in(path) == [1, 2]


async def test_an_empty_table_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    await first_run(path)
    path.write_bytes(b"")
    assert await second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


async def test_a_torn_row_with_a_row_after_it_is_refused(tmp_path: Path) -> None:
    for name in FILES[:2]:
        path = tmp_path / name
        await first_run(path, outcome(1), outcome(2))
        row = path.read_bytes().splitlines(keepends=True)[-1]
        path.write_bytes(path.read_bytes() + row[:20] + b"\n" + row)
        assert f"{path}, line " in await refused(path)
        remove_journal(tmp_path / "run.journal")


async def test_what_an_earlier_resumption_left_when_it_was_killed_does_no_harm(path: Path) -> None:
    await first_run(path, outcome(1))
    left = path.with_name(f"{path.name}.{'0' * 16}.new")
    left.write_text("half a f")
    await second_run(path, outcome(2))
    assert lines_in(path) == [1, 2]
    assert not left.exists()


async def test_a_file_of_somebody_else_beside_the_output_stays(path: Path) -> None:
    foreign = path.with_name(f"{path.name}.new")
    foreign.write_text("mine")
    await first_run(path, outcome(1))
    await second_run(path, outcome(2))
    assert foreign.read_text() == "mine"


async def test_a_parquet_file_of_an_earlier_run_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    await first_run(path, outcome(1))
    async with journal_of(path) as journal:
        with await OutputFile.resume(path, journal) as output:
            for each in await settled(journal, outcome(2)):
                output.write(each)
            assert lines_in(path) == [1]
    await second_run(path, outcome(3))
    assert lines_in(path) == [1, 2, 3]


async def test_the_file_is_private_again_and_a_link_to_it_stays_one(path: Path) -> None:
    await first_run(path, outcome(1))
    path.chmod(0o644)
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path)
    await second_run(link, outcome(2))
    assert link.is_symlink()
    assert (mode_of(path), lines_in(path)) == (0o600, [1, 2])


async def test_rows_of_another_journal_are_refused(path: Path, tmp_path: Path) -> None:
    await first_run(path, outcome(1))
    reason = await refused(path, tmp_path / "other.journal")
    assert f"{path} has results of another journal than {tmp_path / 'other.journal'}" in reason
    assert "Nothing was sent" in reason


async def test_one_row_of_another_journal_among_many_is_refused(tmp_path: Path) -> None:
    for name in FILES[:2]:
        path, other = tmp_path / name, tmp_path / "other" / name
        other.parent.mkdir(exist_ok=True)
        await first_run(path, outcome(1))
        await first_run(other, outcome(2))
        foreign = other.read_bytes().splitlines(keepends=True)[-1]
        header, *rows = path.read_bytes().splitlines(keepends=True) if name == "out.csv" else [b"", path.read_bytes()]
        path.write_bytes(header + foreign + b"".join(rows))
        assert "has results of another journal" in await refused(path)
        for folder in (tmp_path, tmp_path / "other"):
            remove_journal(folder / "run.journal")


async def test_rows_without_an_entry_are_refused(path: Path) -> None:
    await first_run(path, outcome(1))
    without_entry(path)
    assert "of another journal" in await refused(path)


async def test_an_older_journal_is_refused(path: Path, tmp_path: Path) -> None:
    await first_run(path, outcome(1))
    older = (tmp_path / "run.journal").read_bytes()
    await second_run(path, outcome(2))
    (tmp_path / "run.journal").write_bytes(older)
    assert "run.journal is older than" in await refused(path)


async def test_lines_that_are_no_records_are_evidence_too(path: Path, tmp_path: Path) -> None:
    await first_run(path, outcome(1))
    older = (tmp_path / "run.journal").read_bytes()
    async with journal_of(path) as journal:
        with await OutputFile.resume(path, journal) as output:
            await journal.settle(None, Outcome.invalid_record(bad_line(2)))
            await output.finish(journal)
    (tmp_path / "run.journal").write_bytes(older)
    assert "run.journal is older than" in await refused(path)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("in.jsonl", f'{{"source": {{"number": "{CARD}"}}}}\n', 1),
        ("in.jsonl", f'{{"line": 1, "result": "expired"}}\n{CARD}\n', 2),
        ("in.jsonl", '{"line": 1, "result": "better_than_ever"}\n', 1),
        ("in.jsonl", '{"line": 1, "result": "expired"}\n\n{}\n', 3),
        ("in.csv", f"source.number,amount\n{CARD},1\n", 1),
        ("in.csv", "line,result\n1,expired\n", 1),
    ],
)
async def test_a_file_that_is_no_output_is_named_with_the_line_and_left_alone(
    name: str, content: str, line: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    reason = await refused(path)
    assert f"{name}, line {line}: not a result of a run" in reason
    assert CARD not in reason


async def test_a_row_of_another_table_is_named_and_the_file_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    await first_run(path, outcome(1))
    last = path.read_bytes().splitlines(keepends=True)[-1]
    for row in (b"1,expired\n", b'"a"b,\n', b"\xff\n"):
        (tmp_path / "other.csv").write_bytes(path.read_bytes() + row + last)
        assert "other.csv, line 3: not a result of a run" in await refused(tmp_path / "other.csv")


async def test_another_parquet_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    for content in ({"amount": [1]}, None):
        if content is None:
            path.write_bytes(b"nothing of the kind")
        else:
            parquet.write_table(arrow.table(content), path)
        assert "in.parquet" in await refused(path)


async def test_a_stream_gets_the_final_outcomes_of_earlier_runs_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    failed = Outcome(line=3, result=BatchResult.FAILED, error=FAILURE)
    await first_run(tmp_path / "out.jsonl", outcome(2), failed, outcome(1))
    async with journal_of(tmp_path / "out.jsonl") as journal:
        with OutputFile.standard_output(Format.JSONL) as output:
            await output.begin_resumed(journal)
            await output.finish(journal)
    shown = capfd.readouterr().out
    assert shown.splitlines() == (tmp_path / "out.jsonl").read_text().splitlines()[:2]


@pytest.mark.parametrize("name", FILES[:2])
@pytest.mark.parametrize("blank", [b"\n", b"\n\n", b"\r\n"], ids=["LF", "two LF", "CRLF"])
async def test_blank_lines_at_the_end_do_no_harm(tmp_path: Path, name: str, blank: bytes) -> None:
    path = tmp_path / name
    await first_run(path, outcome(1))
    path.write_bytes(path.read_bytes() + blank)
    await second_run(path, outcome(2))
    assert lines_in(path) == [1, 2]


@pytest.mark.parametrize("name", FILES)
async def test_an_output_with_long_values_is_resumed(tmp_path: Path, name: str) -> None:
    """Longer than a line of an input may be, and than the module csv reads by default."""
    path, limit = tmp_path / name, csv.field_size_limit()
    await first_run(path, replace(outcome(1), cryptogram="c" * 2_000_000))
    async with journal_of(path) as journal:
        with await OutputFile.resume(path, journal) as output:
            await output.finish(journal, is_complete=False)
    assert csv.field_size_limit() == limit
    assert len(path.read_bytes()) > 2_000_000 or name == "out.parquet"
