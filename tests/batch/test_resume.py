"""A run goes on with the output of an earlier one: final rows stay, all else is to be done, nothing gets lost."""

from __future__ import annotations

import gc
import random
import tracemalloc
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import ErrorInfo, Outcome
from checkout_async.batch.formats import Format
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.results import OutputFile
from checkout_async.errors import BatchFileError
from tests.batch.support import CARD
from tests.batch.test_results import FILES, mode_of, outcome, rows_in

FAILURE = ErrorInfo(kind="ConnectFailed", message="nothing\nwas sent")
OPEN = [BatchResult.INVALID, BatchResult.FAILED, BatchResult.UNKNOWN]


@pytest.fixture(params=FILES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def written_by(path: Path) -> Path:
    """The file that a run writes to until its end."""
    return path.with_name(f"{path.name}.rows.jsonl") if path.suffix == ".parquet" else path


def first_run(path: Path, *outcomes: Outcome, finished: bool = True) -> None:
    with OutputFile.create(path) as results:
        for each in outcomes:
            results.write(each)
        if finished:
            results.finish()


def second_run(path: Path, *outcomes: Outcome) -> list[int]:
    """Go on to the end, and return the lines that need not be done again."""
    results, kept = OutputFile.resume(path)
    with results:
        for each in outcomes:
            results.write(each)
        results.finish()
    return [line for line in range(100) if line in kept]


def lines_in(path: Path) -> list[int]:
    return [int(str(row["line"])) for row in rows_in(path)]


def test_rows_that_are_not_final_go_and_the_others_stay_in_their_order(path: Path) -> None:
    undone = [Outcome(line=line, result=result, error=FAILURE) for line, result in enumerate(OPEN, 10)]
    first_run(path, outcome(3), *undone, outcome(1))
    assert second_run(path, outcome(11), outcome(4)) == [1, 3]
    assert lines_in(path) == [3, 1, 11, 4]


def test_a_run_that_left_no_file_is_begun(path: Path) -> None:
    assert second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_that_did_nothing_can_be_gone_on_with(finished: bool, path: Path) -> None:
    first_run(path, finished=finished)
    assert second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


def test_it_may_be_resumed_again_and_again(path: Path) -> None:
    first_run(path, outcome(1))
    for line in range(2, 5):
        assert second_run(path, outcome(line)) == [*range(1, line)]
    assert lines_in(path) == [1, 2, 3, 4]


def test_a_torn_last_row_goes_wherever_it_was_torn(path: Path) -> None:
    torn = Outcome(line=2, result=BatchResult.EXPIRED, error=FAILURE)
    first_run(path, outcome(1), finished=False)
    whole = len(written_by(path).read_bytes())
    first_run(path.with_stem("other"), outcome(1), torn, finished=False)
    content = written_by(path.with_stem("other")).read_bytes()
    for length in range(whole, len(content)):
        written_by(path).write_bytes(content[:length])
        assert second_run(path, outcome(2)) == [1]
        assert lines_in(path) == [1, 2]
        path.unlink()


def test_a_header_that_is_torn_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    first_run(path)
    path.write_bytes(path.read_bytes()[:20])
    assert second_run(path, outcome(1)) == []
    assert lines_in(path) == [1]


def test_every_final_row_stays_also_where_records_have_moved_to_the_line_of_another(path: Path) -> None:
    first_run(path, outcome(1), outcome(1), outcome(2))
    assert second_run(path) == [1, 2]
    assert lines_in(path) == [1, 1, 2]


def test_what_an_earlier_resumption_left_when_it_was_killed_does_no_harm(path: Path) -> None:
    first_run(path, outcome(1))
    for each in (path, written_by(path)):
        each.with_name(f"{each.name}.new").write_text("half a f")
    assert second_run(path, outcome(2)) == [1]
    assert lines_in(path) == [1, 2]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_parquet_file_that_was_finished_but_whose_spool_is_still_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    first_run(path, outcome(1), finished=False)
    spool = written_by(path).read_bytes()
    assert second_run(path) == [1]
    written_by(path).write_bytes(spool)
    assert second_run(path) == [1]
    assert lines_in(path) == [1]


def test_a_run_killed_while_it_went_on_with_a_parquet_file_has_lost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    first_run(path, outcome(1))
    results, _ = OutputFile.resume(path)
    with results:
        results.write(outcome(2))
    assert lines_in(path) == [1]
    assert second_run(path, outcome(3)) == [1, 2]
    assert lines_in(path) == [1, 2, 3]


def test_the_file_is_private_again_and_a_link_to_it_stays_one(path: Path) -> None:
    first_run(path, outcome(1))
    path.chmod(0o644)
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path)
    assert second_run(link, outcome(2)) == [1]
    assert link.is_symlink()
    assert (mode_of(path), lines_in(path)) == (0o600, [1, 2])


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("in.jsonl", f'{{"source": {{"number": "{CARD}"}}}}\n', 1),
        ("in.jsonl", f'{{"line": 1, "result": "expired"}}\n{CARD}\n', 2),
        ("in.jsonl", '{"line": 1, "result": "better_than_ever"}\n', 1),
        ("in.jsonl", '{"line": 1, "result": "expired"}\n\n', 2),
        ("in.csv", f"source.number,amount\n{CARD},1\n", 1),
        ("in.csv", "line,result\n1,expired\n", 1),
    ],
)
def test_a_file_that_is_no_results_file_is_named_with_the_line_and_left_alone(
    name: str, content: str, line: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BatchFileError, match=rf"{name}, line {line}: ") as caught:
        OutputFile.resume(path)
    assert CARD not in str(caught.value)
    assert [each.read_text() for each in tmp_path.iterdir()] == [content]


def test_a_row_of_another_table_is_named_and_the_file_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    first_run(path, outcome(1))
    for row in (b"2,wonderful" + b"," * 14 + b"\n", b"x,expired" + b"," * 14 + b"\n", b"1,expired\n", b'"a"b,\n'):
        content = path.read_bytes() + row
        other = tmp_path / "other.csv"
        other.write_bytes(content)
        with pytest.raises(BatchFileError, match=r"other.csv, line 3: "):
            OutputFile.resume(other)
        assert other.read_bytes() == content


def test_another_parquet_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    for content in ({"amount": [1]}, None):
        if content is None:
            path.write_bytes(b"nothing of the kind")
        else:
            parquet.write_table(arrow.table(content), path)
        before = path.read_bytes()
        with pytest.raises(BatchFileError, match=r"in\.parquet"):
            OutputFile.resume(path)
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [before]


def test_a_device_cannot_be_resumed() -> None:
    with pytest.raises(BatchFileError, match="/dev/null is not a file"):
        OutputFile.resume(Path("/dev/null"), Format.JSONL)


@given(st.lists(st.integers(0, 2**60)), st.lists(st.integers(0, 300)))
def test_lines_that_are_reported_of_are_a_set(many: list[int], few: list[int]) -> None:
    kept = LineSet()
    for line in [*many, *few]:
        kept.add(line)
    expected = {*many, *few}
    assert len(kept) == len(expected)
    assert [line in kept for line in (*many, *range(300))] == [line in expected for line in (*many, *range(300))]
    assert "1" not in kept


def test_lines_up_to_a_million_take_less_than_a_megabyte() -> None:
    lines = [*range(1, 1_000_001, 20)]
    random.Random(6).shuffle(lines)
    gc.collect()
    tracemalloc.start()
    kept = LineSet()
    for line in lines:
        kept.add(line)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == len(lines)
    assert size < 1 << 20
