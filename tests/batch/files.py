"""What the tests of input and output files share: reading a source to its end, requests as columns, made outcomes."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec
from hypothesis import strategies as st

from checkout_async.batch import ErrorInfo, InvalidRecord, Outcome, Record
from checkout_async.batch.formats import Format
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.sources import open_source
from checkout_async.models import sessions

EXAMPLES = Path(__file__).parents[2] / "openapi" / "examples" / "sessions"


async def read(path: Path, format_: Format | None = None) -> list[Record | InvalidRecord]:
    with open_source(path, format_) as source:
        return [item async for item in source.records()]


async def until_it_fails(records: AsyncIterable[Record | InvalidRecord]) -> tuple[list[int], str]:
    """The lines that were read, and why no more could be."""
    lines: list[int] = []
    try:
        async for item in records:
            lines += [item.line]
    except OSError as error:
        return lines, error.strerror or ""
    raise AssertionError("it did not fail")


async def requests_in(path: Path, format_: Format | None = None) -> list[object]:
    """The requests of a file that has nothing else."""
    items = await read(path, format_)
    assert not [item for item in items if isinstance(item, InvalidRecord)]
    return [item.request for item in items if isinstance(item, Record)]


def example_requests() -> dict[str, dict[str, object]]:
    """Every documented session request by the name of its file."""
    return {
        path.stem: msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        for path in sorted(EXAMPLES.glob("request_session.*request.json"))
    }


def flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The values in a request by their field paths."""
    inner: Iterable[tuple[object, object]]
    if isinstance(value, Mapping):
        inner = cast("Mapping[object, object]", value).items()
    elif isinstance(value, list):
        inner = enumerate(cast("list[object]", value))
    else:
        yield path, value
        return
    for step, member in inner:
        yield from flat(member, f"{path}.{step}" if path else str(step))


def as_csv(*rows: Iterable[object], delimiter: str = ",") -> bytes:
    """Rows as spreadsheets write them: booleans in capitals, lines that end as those of Windows do."""
    text = io.StringIO(newline="")
    cells = ([str(cell).upper() if isinstance(cell, bool) else cell for cell in row] for row in rows)
    csv.writer(text, delimiter=delimiter).writerows(cells)
    return text.getvalue().encode()


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_optional_texts = st.none() | _texts

failures = st.builds(
    ErrorInfo,
    kind=_texts,
    message=_texts,
    path=_optional_texts,
    status=st.none() | st.integers(100, 599),
    request_id=_optional_texts,
)

outcomes = st.builds(
    Outcome,
    line=st.integers(1, 2**40),
    result=st.sampled_from(BatchResult),
    reference=_optional_texts,
    session_id=_optional_texts,
    status=st.none() | st.sampled_from(sessions.SessionStatus) | st.just(sessions.SessionStatus("new_one")),
    eci=_optional_texts,
    cryptogram=_optional_texts,
    xid=_optional_texts,
    response_code=st.none() | st.sampled_from(sessions.ResponseCode),
    seconds=st.none() | st.floats(0, 1e6),
    error=st.none() | failures,
    replayed=st.booleans(),
)
