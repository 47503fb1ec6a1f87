"""Members that all records share: a record's own win, objects merge, and a resumed run cannot have others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkout_async.batch import BatchOptions, run_file
from checkout_async.errors import BatchFileError
from tests.batch.support import CARD, RECURRING, ScriptedSender, request, session
from tests.batch.test_rejects import CheckingSender
from tests.commands import results_in, text_of, write_lines

OPTIONS = BatchOptions(channel_data=RECURRING, concurrency=1)
DEFAULTS = {
    "source": {"type": "card", "expiry_month": 1, "expiry_year": 2035},
    "currency": "GBP",
    "completion": {"type": "non_hosted"},
}


def defaults_in(folder: Path, members: object, name: str = "defaults.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(members))
    return path


async def test_a_records_own_members_win_and_objects_merge(tmp_path: Path) -> None:
    rows = [
        {"reference": "A", "source": {"number": CARD}, "amount": 1},
        {"reference": "B", "source": {"number": CARD, "expiry_month": 7}, "amount": 2, "currency": "EUR"},
    ]
    sender = ScriptedSender(lambda _: session())
    source = write_lines(tmp_path / "in.jsonl", rows)
    await run_file(sender, source, tmp_path / "out.jsonl", options=OPTIONS, defaults=defaults_in(tmp_path, DEFAULTS))
    source_of = {"type": "card", "expiry_year": 2035, "number": CARD}
    assert [body for _, body in sender.calls] == [
        {**DEFAULTS, "reference": "A", "amount": 1, "source": {**source_of, "expiry_month": 1}},
        {**DEFAULTS, "reference": "B", "amount": 2, "source": {**source_of, "expiry_month": 7}, "currency": "EUR"},
    ]


@pytest.mark.parametrize("others", [None, {**DEFAULTS, "currency": "EUR"}])
async def test_resuming_with_other_defaults_is_refused_before_anything_is_sent(
    tmp_path: Path, others: dict[str, object] | None
) -> None:
    """Without a reference, a record with another currency would look like a new one."""
    source = write_lines(tmp_path / "in.jsonl", [{"source": {"number": CARD}, "amount": 1}])
    target = tmp_path / "out.jsonl"
    mine = defaults_in(tmp_path, DEFAULTS)
    sender = ScriptedSender(lambda _: session())
    await run_file(sender, source, target, options=OPTIONS, defaults=mine)
    before = text_of(target)
    with pytest.raises(BatchFileError, match="began with other defaults"):
        await run_file(
            sender,
            source,
            target,
            options=OPTIONS,
            resume=True,
            defaults=None if others is None else defaults_in(tmp_path, others, "others.json"),
        )
    assert (len(sender.calls), text_of(target)) == (1, before)
    # The order of the members is not another content.
    same = defaults_in(tmp_path, dict(reversed(DEFAULTS.items())), "same.json")
    await run_file(sender, source, target, options=OPTIONS, resume=True, defaults=same)
    assert len(sender.calls) == 1


async def test_defaults_that_kept_every_record_from_being_sent_may_be_corrected(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"reference": "A", "source": {"number": CARD}, "amount": 1}])
    target = tmp_path / "out.jsonl"
    first, second = CheckingSender(), CheckingSender()
    wrong = defaults_in(tmp_path, {**DEFAULTS, "completion": {"type": "none"}})
    await run_file(first, source, target, options=OPTIONS, defaults=wrong)
    right = defaults_in(tmp_path, DEFAULTS, "right.json")
    await run_file(second, source, target, options=OPTIONS, defaults=right, resume=True)
    assert (first.sent, second.sent) == ([], ["A"])
    assert [row["result"] for row in results_in(text_of(target)).values()] == ["authenticated"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "are not a JSON object"),
        ('{"curency": "GBP"}', 'unknown column "curency" (did you mean "currency"?)'),
        (None, "cannot read the defaults"),
    ],
)
async def test_defaults_that_no_request_can_have_are_refused(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "defaults.json"
    if content is not None:
        path.write_text(content)
    source = write_lines(tmp_path / "in.jsonl", [request(reference="A")])
    sender = ScriptedSender(lambda _: session())
    with pytest.raises(BatchFileError) as caught:
        await run_file(sender, source, tmp_path / "out.jsonl", options=OPTIONS, defaults=path)
    assert said in str(caught.value)
    assert sender.calls == []


async def test_the_journal_has_nothing_of_the_defaults(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"reference": "A", "amount": 1}])
    shared: dict[str, object] = {**DEFAULTS, "source": {"type": "card", "number": CARD}}
    target = tmp_path / "out.jsonl"
    await run_file(
        ScriptedSender(lambda _: session()), source, target, options=OPTIONS, defaults=defaults_in(tmp_path, shared)
    )
    written = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.name.startswith("out.jsonl"))
    assert CARD.encode() not in written
