"""A record without channel data is not sent unless some are given, or a made-up browser is asked for by name."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec
import pytest
from click.testing import CliRunner

from checkout_async import UNSET
from checkout_async.batch import FAKE_BROWSER_DATA, BatchResult, Journal, Outcome, Record, SharedChannelData
from checkout_async.batch.cluster import PartitionSettings, RunPaths, gather_partitions, plan_partitions, run_partition
from checkout_async.batch.command.job import Job
from checkout_async.cli import cli
from checkout_async.models import sessions
from checkout_async.sandbox import Sandbox
from tests.batch.support import (
    RECURRING,
    SID,
    ScriptedSender,
    changed,
    client_of,
    in_turn,
    job_of,
    record,
    request,
    run,
    session,
)
from tests.commands import results_in, write_lines

HOSTED = {"type": "hosted", "success_url": "https://shop.example/s", "failure_url": "https://shop.example/f"}
OWN: list[Mapping[str, object]] = [
    {"channel_data": {"channel": "merchant_initiated", "request_type": "recurring_transaction"}},
    {"channel_data": msgspec.to_builtins(FAKE_BROWSER_DATA)},
    {"channel_data": RECURRING},
    {"completion": HOSTED},
    {"completion": msgspec.convert(HOSTED, sessions.HostedCompletionInfo)},
]


async def outcome_of(
    sender: ScriptedSender, item: Record | sessions.SessionRequest, channel_data: SharedChannelData | None = None
) -> Outcome:
    [outcome] = [outcome async for outcome in run(sender, [item], channel_data=channel_data)]
    return outcome


@pytest.mark.parametrize("member", [{}, {"channel_data": None}, {"channel_data": UNSET}], ids=["none", "null", "unset"])
@pytest.mark.parametrize("is_struct", [False, True], ids=["mapping", "struct"])
async def test_without_any_a_record_is_invalid_and_nothing_is_sent(
    member: Mapping[str, object], is_struct: bool
) -> None:
    sender, item = ScriptedSender(lambda _: session()), record(1, **member)
    if is_struct:
        members = cast("Mapping[str, object]", record().request)
        struct = msgspec.convert(members, sessions.SessionRequest)
        struct.channel_data = cast("None", member.get("channel_data"))
        item = msgspec.structs.replace(item, request=struct)
    outcome = await outcome_of(sender, item)
    assert sender.calls == []
    assert outcome.result is BatchResult.INVALID
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.path) == ("InvalidRequest", "$.channel_data")
    assert outcome.error.message.startswith("no channel data: add channel_data to the record, or give some for all")


@pytest.mark.parametrize("own", OWN, ids=["merchant_initiated", "browser", "struct", "hosted", "hosted struct"])
async def test_a_record_that_has_its_own_or_needs_none_is_sent(own: Mapping[str, object]) -> None:
    sender = ScriptedSender(lambda _: session())
    assert (await outcome_of(sender, record(1, **own))).result is BatchResult.AUTHENTICATED
    assert sender.operations == ["request_session"]


@pytest.mark.parametrize("shared", [RECURRING, FAKE_BROWSER_DATA], ids=["given", "made up by name"])
async def test_those_for_all_records_are_sent_where_a_session_waits_for_them(shared: SharedChannelData) -> None:
    sender = in_turn(session("pending", "collect_channel_data"), session())
    assert (await outcome_of(sender, record(), shared)).result is BatchResult.AUTHENTICATED
    assert isinstance(sender.calls[1][1], type(shared))


async def test_a_session_that_waits_for_some_that_are_not_given_stays_unknown_and_can_go_on_later(
    tmp_path: Path,
) -> None:
    """As after a run with channel data that is resumed without."""
    waiting = ScriptedSender(lambda _: session("pending", "collect_channel_data"))
    async with Journal(tmp_path / "run.journal") as journal:
        journal.record_session(await journal.claim(record()), SID)
    async with Journal(tmp_path / "run.journal") as journal:
        [outcome] = [each async for each in run(waiting, [record()], journal=journal, channel_data=None)]
    assert (outcome.result, outcome.session_id, waiting.operations) == (BatchResult.UNKNOWN, SID, ["get_session"])
    assert outcome.error is not None
    assert outcome.error.path == "$.channel_data"
    sender = in_turn(session("pending", "collect_channel_data"), session())
    async with Journal(tmp_path / "run.journal") as journal:
        [outcome] = [each async for each in run(sender, [record()], journal=journal, channel_data=RECURRING)]
    assert (outcome.result, outcome.session_id) == (BatchResult.AUTHENTICATED, SID)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    lines = [request(reference="a"), request(reference="b", completion=HOSTED), request(reference="c", **OWN[0])]
    quiet = io.StringIO()
    return job_of(
        input=write_lines(tmp_path / "in.jsonl", lines),
        output=tmp_path / "out.jsonl",
        stderr=quiet,
        stdout=quiet,
    )


async def test_a_job_sends_only_records_that_have_some_and_the_others_once_some_are_given(
    job: Job, sandbox: Sandbox
) -> None:
    assert job.files.output is not None
    async with client_of(sandbox) as checkout:
        assert await job.run(checkout) == 1
        assert results_by_line(job.files.output) == ["invalid", "challenge_required", "authenticated"]
        assert sandbox.count("request_session") == 2
        assert await changed(job, resume=True, channel_data=RECURRING).run(checkout) == 0
    assert results_by_line(job.files.output) == ["authenticated", "challenge_required", "authenticated"]
    channels = [view.channel_data["channel"] for view in sandbox.sessions.values() if view.channel_data]
    assert channels == ["merchant_initiated"] * 2


async def test_a_dry_run_says_which_records_have_none(job: Job) -> None:
    assert await job.check() == 1
    assert "line 1, $.channel_data: no channel data" in cast("io.StringIO", job.stderr).getvalue()
    assert await changed(job, channel_data=FAKE_BROWSER_DATA).check() == 0


async def test_a_partition_sends_only_records_that_have_some(
    job: Job, sandbox: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert job.files.input is not None
    assert job.files.output is not None
    paths = RunPaths.of(job.files.input, job.files.output)
    [part] = await asyncio.to_thread(plan_partitions, paths, 1, default=1)
    done = await asyncio.to_thread(run_partition, part, PartitionSettings(rate=None))
    assert done.finished
    await asyncio.to_thread(gather_partitions, paths, [part])
    assert results_by_line(job.files.output) == ["invalid", "challenge_required", "authenticated"]
    assert sandbox.count("request_session") == 2


def test_the_command_makes_a_browser_up_only_by_name(job: Job, tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps(OWN[0]["channel_data"]))
    arguments = ["authenticate", str(job.files.input), "--dry-run"]
    done = {
        options: CliRunner().invoke(cli, [*arguments, *options])
        for options in [
            (),
            ("--fake-browser-data",),
            ("--channel-data", str(data)),
            ("--channel-data", str(data), "--fake-browser-data"),
        ]
    }
    assert [each.exit_code for each in done.values()] == [1, 0, 0, 2]
    assert "choose one" in [*done.values()][-1].output


def results_by_line(path: Path) -> list[str]:
    return [row["result"] for _, row in sorted(results_in(path.read_text()).items())]
