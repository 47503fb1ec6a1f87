"""Rejected records: all faults in the words of the file, and a copy to correct and to read again."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from checkout_async._core.body import encode_body
from checkout_async.batch import BatchOptions, BatchResult, Outcome, Record, run_file
from checkout_async.batch.faults import describe, faults_of
from checkout_async.batch.formats import Format
from checkout_async.config import Validation
from checkout_async.errors import BatchFileError
from checkout_async.operations import ApiRequest, ApiResponse
from tests.batch.support import CARD, RECURRING, ScriptedSender, reference_of, request, session
from tests.commands import AUTHENTICATE, environment, is_there, link, mode_of, results_in, run, text_of, write_lines

T = TypeVar("T")

arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")

OPTIONS = BatchOptions(channel_data=RECURRING, concurrency=1)
HEADER = b"reference;source.type;source.number;source.name;source.expiry_month;source.expiry_year;amount;currency"
COMPLETION = b";completion.type"


def row(reference: str, *, name: str = "A", month: str = "6", amount: str = "100", currency: str = "GBP") -> bytes:
    return f"{reference};card;{CARD};{name};{month};2035;{amount};{currency};non_hosted".encode()


def table(*rows: bytes, newline: bytes = b"\r\n", bom: bytes = b"\xef\xbb\xbf") -> bytes:
    return bom + newline.join((HEADER + COMPLETION, *rows, b""))


class CheckingSender(ScriptedSender):
    """Authenticates every request that a client would send, and remembers their references."""

    def __init__(self) -> None:
        super().__init__(lambda asked: session(id=f"sid_{reference_of(asked):a>26}"))
        self.sent: list[str] = []

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        encode_body(request.operation.name, request.body, request.operation.request)
        self.sent.append(reference_of(cast("ApiRequest[object]", request)))
        return await super().send(request)


def words(body: Mapping[str, object], level: Validation = "shape", format_: Format = Format.CSV) -> str:
    options = BatchOptions(channel_data=RECURRING, validate=level)
    return describe(12, faults_of(Record.of(3, body), options), format_)


class TestFaults:
    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"amount": "19.99"}, "column amount: 19.99 is not a whole number of minor units; 1999?"),
            ({"amount": "19,9"}, "column amount: 19,9 is not a whole number of minor units; 1990?"),
            ({"amount": 19.99}, "column amount: 19.99 is not a whole number of minor units; 1999?"),
            # In yen, which have no minor unit, 1999 would be a hundred times as much.
            ({"amount": "19.99", "currency": "JPY"}, "column amount: 19.99 is not a whole number of minor units"),
            ({"amount": "-1"}, "column amount: not a whole number"),
            ({"amount": -1}, "column amount: below 0"),
            ({"completion": {"type": "on_the_moon"}}, "column completion.type: must be one of hosted, non_hosted"),
            (
                {"preferred_experiences": ["3ds", "4ds"]},
                "column preferred_experiences.1: must be one of 3ds, google_spa",
            ),
            ({"amuont": 1}, "column amuont: no member of a session request; did you mean `amount`?"),
        ],
    )
    def test_a_fault_is_said_in_the_words_of_a_spreadsheet(self, members: dict[str, object], said: str) -> None:
        assert words({**request(), **members}) == f"row 12, {said}"

    def test_all_faults_of_a_record_are_found_not_only_the_first(self) -> None:
        source = {"type": "card", "number": CARD, "expiry_month": "May"}
        body = {"source": source, "amount": "x", "completion": {"type": "non_hosted"}}
        assert words(body, format_=Format.JSONL) == (
            "line 12, $.source.expiry_month: not a whole number; $.source.expiry_year: missing; "
            "$.amount: not a whole number; $.currency: missing"
        )

    def test_documented_limits_count_at_the_strict_level_only(self) -> None:
        body = {**request(reference="x" * 101), "amount": "x"}
        assert words(body) == "row 12, column amount: not a whole number"
        assert words(body, "strict").startswith(
            "row 12, column amount: not a whole number; column reference: longer than"
        )
        assert words({**body, "amount": float("nan")}, "off").startswith(
            "row 12, column amount: must be a finite number"
        )

    @pytest.mark.parametrize("value", [CARD, f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}", "123 "])
    def test_a_value_that_slipped_into_another_column_is_not_shown(self, value: str) -> None:
        body = {**request(), "source": {"type": value, "number": [value], "cvv": {"x": value}}, "amount": f"{value}x"}
        assert value.strip() not in words({**body, "currency": [value], f"x {CARD}": 1})


async def test_rejected_rows_of_csv_are_copied_as_they_are_with_the_reason_in_a_first_column(tmp_path: Path) -> None:
    source, target, rejects = (tmp_path / name for name in ("in.csv", "out.csv", "rejects.csv"))
    bad = [
        row("B", month="13", amount="19,99"),
        b'C;card;"stray;6',
        b"D;card;1;2;3",
        row("E", name='"x;""y"""', amount="x"),
    ]
    source.write_bytes(table(row("A", name='"two\r\nlines"'), b"", *bad))
    report = await run_file(CheckingSender(), source, target, options=OPTIONS, rejects=rejects)
    assert report.results == {BatchResult.AUTHENTICATED: 1, BatchResult.INVALID: 4}
    header, *copied, end = rejects.read_bytes().split(b"\r\n")
    assert (header, end, mode_of(rejects)) == (b"\xef\xbb\xbf#rejected;" + HEADER + COMPLETION, b"", 0o600)
    assert {line.split(b"row ")[1][:1] for line in copied} == {b"4", b"5", b"6", b"7"}  # of the spreadsheet
    assert all(any(line.endswith(b";" + each) for line in copied) for each in bad)
    reason = (
        b"row 4, column source.expiry_month: above 12; column amount: 19,99 is not a whole number of minor units; 1999?"
    )
    assert b'"%b";%b' % (reason, bad[0]) in copied


async def test_the_corrected_copy_continues_the_run_and_sends_nothing_twice(tmp_path: Path) -> None:
    source, target, rejects = (tmp_path / name for name in ("in.csv", "out.csv", "rejects.csv"))
    source.write_bytes(table(row("A"), row("B", amount="19,99"), row("C", month="May")))
    first, second = CheckingSender(), CheckingSender()
    await run_file(first, source, target, options=OPTIONS, rejects=rejects)
    rejects.write_bytes(rejects.read_bytes().replace(b";19,99;", b";1999;"))
    left = tmp_path / "left.csv"
    await run_file(second, rejects, target, options=OPTIONS, resume=True, rejects=left)
    assert (first.sent, second.sent) == (["A"], ["B"])
    [header, again, _] = left.read_bytes().split(b"\r\n")
    # One reason, and not those of both times.
    assert header == b"\xef\xbb\xbf#rejected;" + HEADER + COMPLETION
    assert again == b"row 3, column source.expiry_month: not a whole number;" + row("C", month="May")


async def test_rejected_lines_of_json_keep_every_digit_and_are_read_again(tmp_path: Path) -> None:
    source, target, rejects = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "rejects.jsonl"))
    exact = '{"reference":"B","amount":1.50,"currency":"GBP","order":{"id":123456789012345678901234567890}}'
    write_lines(source, [request(reference="A"), exact, '{"reference": "C", "amount"'])
    await run_file(CheckingSender(), source, target, options=OPTIONS, rejects=rejects)
    notes = dict[str, str]()
    for line in text_of(rejects).splitlines():
        if line.startswith('{"#rejected"'):
            notes[json.loads(line)["#rejected"][:6]] = line
    assert notes["line 2"].endswith(f",{exact[1:]}")
    assert text_of(rejects).splitlines()[[*text_of(rejects).splitlines()].index(notes["line 3"]) + 1] == (
        '{"reference": "C", "amount"'
    )
    again = tmp_path / "again.jsonl"
    await run_file(CheckingSender(), rejects, tmp_path / "out2.jsonl", options=OPTIONS, rejects=again)
    # The note of the line that is no JSON counts as blank; the two records are rejected again.
    assert [each["result"] for each in results_in(text_of(tmp_path / "out2.jsonl")).values()] == ["invalid"] * 2
    assert text_of(again).count("#rejected") == 2
    assert text_of(again).count(exact[1:]) == 1


@pytest.mark.parametrize("name", ["in.csv", "out.csv", "out.csv.journal", "link.csv"])
async def test_the_copy_never_replaces_another_file_of_the_run(tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content := table(row("A", amount="x")))
    link(tmp_path / "link.csv", source)
    sender = CheckingSender()
    with pytest.raises(BatchFileError, match="name another one"):
        await run_file(sender, source, tmp_path / "out.csv", options=OPTIONS, rejects=tmp_path / name, force=True)
    assert (source.read_bytes(), sender.calls) == (content, [])


async def test_a_copy_that_may_have_been_corrected_is_not_replaced_unless_the_run_is_resumed(tmp_path: Path) -> None:
    source, target, rejects = (tmp_path / name for name in ("in.csv", "out.csv", "rejects.csv"))
    source.write_bytes(table(row("A", amount="x")))
    rejects.write_text("corrected")
    with pytest.raises(BatchFileError, match="may have been corrected"):
        await run_file(CheckingSender(), source, target, options=OPTIONS, rejects=rejects)
    assert (text_of(rejects), is_there(target)) == ("corrected", False)
    await run_file(CheckingSender(), source, target, options=OPTIONS, rejects=rejects, resume=True)
    assert rejects.read_bytes().startswith(b"\xef\xbb\xbf#rejected;")


async def test_a_copy_that_cannot_be_made_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="A")])
    sender = CheckingSender()
    with pytest.raises(BatchFileError, match="cannot create the rejects file"):
        await run_file(sender, source, tmp_path / "out.jsonl", options=OPTIONS, rejects=tmp_path / "none" / "r.jsonl")
    assert sender.calls == []


async def test_without_rejected_records_the_copy_is_a_header_alone(tmp_path: Path) -> None:
    source, rejects = tmp_path / "in.csv", tmp_path / "rejects.csv"
    source.write_bytes(table(row("A"), newline=b"\n", bom=b""))
    await run_file(CheckingSender(), source, tmp_path / "out.csv", options=OPTIONS, rejects=rejects)
    assert rejects.read_bytes() == b"#rejected;" + HEADER + COMPLETION + b"\n"


async def test_results_have_the_dialect_of_the_input(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    seen: list[Outcome] = []
    for content, start, end in (
        (table(row("A"), row("B")), b"\xef\xbb\xbfline;result;", b"\r\n"),
        (table(row("A"), row("B"), newline=b"\n", bom=b"").replace(b";", b"\t"), b"line\tresult\t", b"\n"),
    ):
        source.write_bytes(content)
        await run_file(CheckingSender(), source, target, options=OPTIONS, force=True, on_outcome=seen.append)
        # Resumed, it is read, compared with its journal, and written anew.
        await run_file(CheckingSender(), source, target, options=OPTIONS, resume=True)
        written = target.read_bytes()
        assert written.startswith(start)
        assert written.count(b"\n") == written.count(end) == 3
    assert seen[0].seconds is not None
    source.write_bytes(table(row("A")))
    await run_file(CheckingSender(), source, target, options=OPTIONS, force=True, on_outcome=seen.append)
    assert f";{seen[-1].seconds}".replace(".", ",").encode() in target.read_bytes()


def write_parquet(path: Path, months: Sequence[object], **columns: object) -> Any:
    """Records A, B, ... with these months in a struct with whole numbers, and more columns; returns the table."""
    card = {"type": "card", "number": CARD, "expiry_year": 2035}
    source = arrow.StructArray.from_arrays(
        [*([each] * len(months) for each in card.values()), arrow.array(months, arrow.int64())],
        [*card, "expiry_month"],
    )
    count = len(months)
    references = [chr(ord("A") + number) for number in range(count)]
    shared = {"reference": references, "source": source, "amount": [100] * count, "currency": ["GBP"] * count}
    shared["completion.type"] = arrow.array(["non_hosted"] * count).dictionary_encode()
    found = arrow.table({**shared, **columns})
    parquet.write_table(found, path, row_group_size=2)
    return found


class TestParquet:
    async def test_rejected_rows_keep_every_type_and_value_beside_the_reason(self, tmp_path: Path) -> None:
        source, rejects = tmp_path / "in.parquet", tmp_path / "rejects.parquet"
        not_utf8 = arrow.Array.from_buffers(
            arrow.string(), 5, [None, arrow.py_buffer(struct.pack("<6i", 0, 0, 0, 0, 0, 1)), arrow.py_buffer(b"\xff")]
        )
        dates = arrow.array([None, 0, 10**18, None, None], arrow.timestamp("ns", "UTC"))
        given = write_parquet(
            source,
            [6, 13, 6, None, 6],
            **{"account_info.account_date": dates, "source.name": not_utf8, "#note": ["x"] * 5},
        )
        report = await run_file(CheckingSender(), source, tmp_path / "out.jsonl", options=OPTIONS, rejects=rejects)
        assert report.results == {BatchResult.AUTHENTICATED: 2, BatchResult.INVALID: 3}
        copied = parquet.read_table(rejects)
        assert mode_of(rejects) == 0o600
        assert copied.schema.names == ["#rejected", *given.schema.names]
        assert [*copied.schema][1:] == [*given.schema]
        assert set(copied.column("#rejected").to_pylist()) == {
            "row 2, column source.expiry_month: above 12",
            "row 4, column source.expiry_month: missing",
            'row 5: column "source.name" is not valid UTF-8',
        }
        copied = copied.sort_by("reference").drop_columns("#rejected")
        assert copied.equals(given.take([1, 3, 4]).combine_chunks())

    async def test_texts_that_pyarrow_cannot_copy_one_by_one_are_copied_too(self, tmp_path: Path) -> None:
        source, rejects = tmp_path / "in.parquet", tmp_path / "rejects.parquet"
        names = arrow.array(["Ann", "Bob", "Cid"], arrow.string_view())
        given = write_parquet(source, [6, 13, 6], **{"source.name": names})
        report = await run_file(CheckingSender(), source, tmp_path / "out.jsonl", options=OPTIONS, rejects=rejects)
        assert report.results == {BatchResult.AUTHENTICATED: 2, BatchResult.INVALID: 1}
        copied = parquet.read_table(rejects)
        assert [*copied.schema][1:] == [*given.schema]
        assert copied.column("source.name").to_pylist() == ["Bob"]

    async def test_the_corrected_copy_continues_the_run_and_sends_nothing_twice(self, tmp_path: Path) -> None:
        source, target, rejects = (tmp_path / name for name in ("in.parquet", "out.parquet", "rejects.parquet"))
        write_parquet(source, [6, 13, 13])
        first, second = CheckingSender(), CheckingSender()
        await run_file(first, source, target, options=OPTIONS, rejects=rejects)
        write_parquet(source, [12, 12, 12])
        corrected = parquet.read_table(source).slice(1, 1)
        wrong = parquet.read_table(rejects)
        both = arrow.concat_tables([corrected.add_column(0, "#rejected", [["as it was"]]), wrong.slice(1)])
        parquet.write_table(both, rejects)
        left = tmp_path / "left.parquet"
        await run_file(second, rejects, target, options=OPTIONS, resume=True, rejects=left)
        assert (first.sent, second.sent) == (["A"], ["B"])
        assert parquet.read_table(left).to_pylist() == [
            {**wrong.to_pylist()[1], "#rejected": "row 2, column source.expiry_month: above 12"}
        ]

    async def test_without_rejected_records_the_copy_has_no_row(self, tmp_path: Path) -> None:
        source, rejects = tmp_path / "in.parquet", tmp_path / "rejects.parquet"
        given = write_parquet(source, [6])
        await run_file(CheckingSender(), source, tmp_path / "out.jsonl", options=OPTIONS, rejects=rejects)
        assert parquet.read_table(rejects).drop_columns("#rejected").equals(given.slice(0, 0))

    async def test_many_rejected_rows_are_written_in_groups(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("checkout_async.batch.arrow._ROWS_AT_ONCE", 100)
        source, rejects = tmp_path / "in.parquet", tmp_path / "rejects.parquet"
        parquet.write_table(arrow.table({"reference": [str(number) for number in range(250)]}), source)
        await run_file(CheckingSender(), source, tmp_path / "out.jsonl", options=OPTIONS, rejects=rejects)
        found = parquet.ParquetFile(rejects).metadata
        assert (found.num_rows, found.num_row_groups) == (250, 3)


@pytest.mark.parametrize("name", ["rejects.jsonl", "rejects.parquet", "rejects.CSV.gz"])
async def test_a_copy_whose_name_says_another_format_is_refused(tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.jsonl" if "CSV" in name else tmp_path / "in.csv"
    source.write_bytes(table(row("A", amount="x")))
    with pytest.raises(BatchFileError, match="in the format of the input"):
        await run_file(CheckingSender(), source, tmp_path / "out.csv", options=OPTIONS, rejects=tmp_path / name)


class TestCommand:
    pytestmark = pytest.mark.slow

    async def test_a_dry_run_copies_all_invalid_records_and_names_rows_as_a_spreadsheet_does(
        self,
        tmp_path: Path,
    ) -> None:
        source, rejects = tmp_path / "in.csv", tmp_path / "rejects.csv"
        source.write_bytes(table(row("A", name='"two\nlines"'), *(row(f"r{n}", amount="1.5") for n in range(30))))
        done = await run(
            *AUTHENTICATE, source, "--dry-run", "--rejects", rejects, env=environment("http://127.0.0.1:9")
        )
        assert (done.code, mode_of(rejects)) == (1, 0o600)
        assert done.err.splitlines()[0] == ("row 3, column amount: 1.5 is not a whole number of minor units; 150?")
        assert rejects.read_bytes().count(b"#rejected") == 1
        assert rejects.read_bytes().count(b"minor units") == 30
        assert CARD not in done.err + done.out
