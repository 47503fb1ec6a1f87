"""Text in UTF-16, as spreadsheets on Windows save it: it is read by its byte order mark, or refused with what to do."""

from __future__ import annotations

import codecs
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions, InvalidRecord, Record, run_file
from checkout_async.batch.cluster import RunPaths, plan_partitions
from checkout_async.batch.cluster.partition import records_of
from checkout_async.batch.defaults import Defaults, read_channel_data
from checkout_async.batch.sources import open_source
from checkout_async.batch.sources.jsonl import JsonReader
from checkout_async.batch.sources.lines import as_utf8, read_chunks
from checkout_async.errors import BatchFileError
from tests.batch.files import read, requests_in, until_it_fails
from tests.batch.support import CARD, ScriptedSender, bad_line, request, session
from tests.commands import AUTHENTICATE, environment, run

BOMS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
NOTES = "Zoë \U0001f4b3 \u4e0a\u0a0a"
"""With a character outside the first plane, and one whose bytes look like line feeds."""

TABLE = f"amount\tcurrency\tsource.name\r\n1\tGBP\t{NOTES}\r\n2\tEUR\t\r\n"
LINES = f'{{"amount": 1, "source": {{"name": "{NOTES}"}}}}\n{{"amount": 2}}\n'


def encoded(text: str, encoding: str) -> bytes:
    return BOMS[encoding] + text.encode(encoding)


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("name", "text"), [("in.csv", TABLE), ("in.jsonl", LINES)], ids=["csv", "jsonl"])
async def test_utf_16_is_read_by_its_byte_order_mark(
    tmp_path: Path, name: str, text: str, packed: bool, encoding: str
) -> None:
    path, same = tmp_path / name, tmp_path / f"utf-8-{name}"
    content = encoded(text, encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    same.write_text(text, "utf-8", newline="")
    assert await requests_in(path) == await requests_in(same)
    with open_source(path) as source:
        assert source.total() == (None if packed else 2)


@given(st.text(), st.integers(1, 9), st.sampled_from(sorted(BOMS)))
def test_a_text_in_any_portions_is_the_same_in_utf_8(text: str, size: int, encoding: str) -> None:
    content = encoded(f"  {text}", encoding)
    portions = [content[at : at + size] for at in range(0, len(content), size)]
    assert b"".join(as_utf8(iter(portions))) == codecs.BOM_UTF8 + f"  {text}".encode()


@pytest.mark.parametrize("text", [b"{\n", b"\n{\n"], ids=["line", "after a blank one"])
@pytest.mark.parametrize("encoding", ["utf-8", *BOMS])
async def test_a_line_does_not_wait_for_what_comes_after_it(text: bytes, encoding: str) -> None:
    content = BOMS.get(encoding, b"") + text.decode().encode(encoding)

    def chunks() -> Iterator[bytes]:
        for number in range(len(content)):
            yield content[number : number + 1]
        raise OSError(0, "the pipe is read again")

    records = JsonReader().aread(chunks())
    assert isinstance(await anext(records), InvalidRecord)


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("units", [(0xD83D,), (0xDCB3,), (0xDCB3, 0xD83D)], ids=["high", "low", "swapped"])
async def test_half_a_surrogate_pair_spoils_its_line_alone(
    tmp_path: Path, units: tuple[int, ...], encoding: str
) -> None:
    path = tmp_path / "in.jsonl"
    half = "".join(map(chr, units))
    lines = ['{"amount": 1}', f'{{"source": {{"name": "{CARD}{half}"}}}}', '{"amount": 3}', ""]
    path.write_bytes(BOMS[encoding] + "\n".join(lines).encode(encoding, "surrogatepass"))
    first, spoilt, last = await read(path)
    assert (first.line, last.line) == (1, 3)
    assert isinstance(spoilt, InvalidRecord)
    assert spoilt.reason == "the line is not valid UTF-8 or UTF-16; save the file as UTF-8"


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("missing", [1, 2, 3])
async def test_a_text_that_ends_within_a_character_is_read_as_far_as_the_line_before(
    missing: int, encoding: str
) -> None:
    content = encoded('{"amount": 1}\n{"amount": 2}\n\U0001f4b3', encoding)[:-missing]
    lines, reason = await until_it_fails(JsonReader().aread(read_chunks(io.BytesIO(content))))
    assert (lines, reason) == ([1, 2], "the UTF-16 text ends within a character; the file is not complete")


@pytest.mark.parametrize("bom", [*BOMS.values(), codecs.BOM_UTF8], ids=[*BOMS, "utf-8"])
async def test_a_byte_order_mark_alone_is_an_empty_file(tmp_path: Path, bom: bytes) -> None:
    for name in ("in.jsonl", "in.csv"):
        (tmp_path / name).write_bytes(bom)
    assert await read(tmp_path / "in.jsonl") == []
    with pytest.raises(BatchFileError, match="the input is empty"):
        open_source(tmp_path / "in.csv")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-32"])
def test_what_no_mark_tells_apart_is_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    content = LINES.encode(encoding)
    with pytest.raises(BatchFileError, match="save it as UTF-8"):
        next(as_utf8(content[number : number + 1] for number in range(len(content))))
    for name, text in (("in.jsonl", LINES), ("in.csv", TABLE)):
        (tmp_path / name).write_bytes(text.encode(encoding))
        wanted = "the input is UTF-32, or UTF-16 without a byte order mark; save it as UTF-8"
        with pytest.raises(BatchFileError, match=wanted), open_source(tmp_path / name) as source:
            source.total()


async def test_nothing_is_sent_of_a_text_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(json.dumps(request()).encode("utf-16-le"))
    files = (str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl"))
    ended = await run(*AUTHENTICATE, *files, env=environment("http://127.0.0.1:9"))
    assert (ended.code, ended.out) == (2, "")
    assert "UTF-16 without a byte order mark; save it as UTF-8" in ended.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.jsonl"]


async def test_results_and_rejects_are_utf_8_with_a_mark_that_spreadsheets_know(tmp_path: Path) -> None:
    source, target, rejects = (tmp_path / name for name in ("in.csv", "out.csv", "rejects.csv"))
    header = "reference\tamount\tcurrency\tcompletion.type"
    source.write_bytes(encoded(f"{header}\r\nZoë\t1\tGBP\tnon_hosted\r\nB\tx\tGBP\tnon_hosted\r\n", "utf-16-le"))
    sender = ScriptedSender(lambda _: session())
    options = BatchOptions(channel_data=FAKE_BROWSER_DATA)
    await run_file(sender, source, target, options=options, rejects=rejects)
    assert target.read_bytes().startswith(codecs.BOM_UTF8 + b"line\tresult\treference")
    assert "\tZoë\t" in target.read_text("utf-8-sig")
    assert rejects.read_bytes().startswith(codecs.BOM_UTF8 + f"#rejected\t{header}\r\n".encode())


@pytest.mark.parametrize("encoding", BOMS)
async def test_partitions_of_utf_16_have_each_record_once(tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"reference": f"ord-{number} {NOTES}"}, ensure_ascii=False) for number in range(40)]
    source.write_bytes(encoded("\n".join([*lines, "[]"]), encoding))
    parts = plan_partitions(RunPaths.of(source, tmp_path / "out.jsonl"), 3)
    found: list[Record | InvalidRecord] = []
    for part in parts:
        with open_source(source) as opened:
            found += [item async for item in records_of(part, opened)]
    assert sorted(item.line for item in found) == list(range(1, 42))
    assert [item for item in found if isinstance(item, InvalidRecord)] == [bad_line(41)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_of_options_may_have_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "defaults.json"
    path.write_text('{"currency": "GBP"}', encoding)
    assert Defaults.read(path).members == {"currency": "GBP"}
    path.write_text('{"channel": "merchant_initiated", "request_type": "recurring_transaction"}', encoding)
    assert read_channel_data(path).request_type == "recurring_transaction"  # type: ignore[union-attr]
    path.write_text("{}", "utf-32")
    with pytest.raises(BatchFileError, match=r"defaults\.json is UTF-32, or UTF-16"):
        Defaults.read(path)
