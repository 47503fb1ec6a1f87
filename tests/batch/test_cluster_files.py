"""What the records of a run on many machines share, where its workers' settings come from, and its rejected records."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions, run_file
from checkout_async.batch.cluster import (
    Partition,
    PartitionResult,
    PartitionSettings,
    RunPaths,
    finished_report,
    gather_partitions,
    plan_partitions,
    run_partition,
)
from checkout_async.batch.report import Report
from checkout_async.env_file import read_environ
from checkout_async.errors import BatchFileError, RunIncomplete
from checkout_async.sandbox import CannedResponse, Sandbox
from tests.batch.files import as_csv
from tests.batch.support import CARD, client_of, request
from tests.commands import mode_of, results_in, text_of, write_lines

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker_environment")]

OPTIONS = BatchOptions(concurrency=4, channel_data=FAKE_BROWSER_DATA)
SETTINGS = PartitionSettings(options=OPTIONS, rate=None, lock_timeout=0)
SHARED = request()
REFUSED = CannedResponse(422, b'{"error_type": "request_invalid", "error_codes": ["amount_too_odd"]}')


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """Records that have a reference alone, or nothing: the defaults have the rest."""
    defaults = write_lines(tmp_path / "defaults.json", [SHARED])
    lines: list[Any] = [*({"reference": f"ref-{number}"} for number in range(8)), {"amount": 7}, {}]
    return RunPaths.of(write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl", defaults=defaults)


async def run(part: Partition, settings: PartitionSettings = SETTINGS) -> PartitionResult:
    return await asyncio.to_thread(run_partition, part, settings)


async def complete(paths: RunPaths, count: int = 3, **options: Any) -> Report:
    parts = await asyncio.to_thread(plan_partitions, paths, count, **options)
    for part in parts:
        assert (await run(part)).error is None
    return await asyncio.to_thread(gather_partitions, paths, parts, options=OPTIONS)


def sent(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


async def test_every_worker_adds_the_members_that_all_records_share(sandbox: Sandbox, paths: RunPaths) -> None:
    report = await complete(paths)
    assert report.results == {"authenticated": 10}
    assert sent(sandbox) == Counter([*(f"ref-{number}" for number in range(8)), None, None])


async def test_records_that_are_equal_with_their_defaults_meet_in_one_partition(
    sandbox: Sandbox, paths: RunPaths
) -> None:
    write_lines(paths.input, [*({} for _ in range(4)), *({"amount": 100} for _ in range(4))])
    report = await complete(paths, 5)
    assert report.results == {"authenticated": 1, "invalid": 7}
    assert sent(sandbox) == Counter([None])


async def test_the_journal_knows_the_defaults_when_the_run_goes_on_on_one_machine(
    sandbox: Sandbox, paths: RunPaths
) -> None:
    await complete(paths)
    async with client_of(sandbox) as checkout:
        with pytest.raises(BatchFileError, match="began with other defaults, or without any"):
            await run_file(checkout, paths.input, paths.output, resume=True, options=OPTIONS)
        again = await run_file(
            checkout, paths.input, paths.output, resume=True, options=OPTIONS, defaults=paths.defaults
        )
    assert (again.replayed, len(sandbox.sessions)) == (10, 10)


@pytest.mark.parametrize("other", [None, "other.json"])
async def test_a_run_is_not_resumed_with_other_defaults(sandbox: Sandbox, paths: RunPaths, other: str | None) -> None:
    write_lines(paths.folder.with_name("other.json"), [{"amount": 5}])
    changed = replace(paths, defaults=None if other is None else paths.folder.with_name(other))
    parts = plan_partitions(paths, 2)
    assert (await run(parts[0])).finished
    before = len(sandbox.sessions)
    with pytest.raises(BatchFileError, match="began with other defaults, or without any"):
        plan_partitions(changed, resume=True)
    moved = replace(paths, defaults=write_lines(paths.folder.with_name("moved.json"), [SHARED]))
    parts = plan_partitions(moved, resume=True)
    assert parts[0].defaults == str(moved.defaults)
    await complete(moved, 2, resume=True)
    with pytest.raises(BatchFileError, match="began with other defaults, or without any"):
        await asyncio.to_thread(finished_report, changed)
    assert (before < 10, len(sandbox.sessions)) == (True, 10)


async def test_a_worker_that_sees_other_defaults_sends_nothing(sandbox: Sandbox, paths: RunPaths) -> None:
    assert paths.defaults is not None
    [part] = plan_partitions(paths, 1)
    write_lines(paths.defaults, [{**SHARED, "amount": 1}])
    failed = (await run(part)).error
    assert failed is not None
    assert failed.message.startswith(f"{paths.defaults} on this machine is not the file that the run was planned for")
    paths.defaults.unlink()
    with pytest.raises(FileNotFoundError):  # another machine may see it
        await run(part)
    assert sandbox.sessions == {}


async def test_defaults_that_cannot_be_read_leave_nothing_behind(paths: RunPaths) -> None:
    assert paths.defaults is not None
    paths.defaults.write_text("[]")
    with pytest.raises(BatchFileError, match="are not a JSON object"):
        plan_partitions(paths, 2)
    assert not paths.folder.exists()


async def test_neither_members_nor_settings_travel_or_lie_in_the_folder(
    sandbox: Sandbox, paths: RunPaths, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_file = tmp_path / "batch.env"
    settings_file.write_text("".join(f"{name}={env[name]}\n" for name in env if name.startswith("CHECKOUT_CLIENT")))
    for name in ("CHECKOUT_CLIENT_ID", "CHECKOUT_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    parts = plan_partitions(paths, 2)
    without = (await run(parts[0])).error
    assert without is not None
    assert "CHECKOUT_CLIENT_ID" in without.message
    settings = replace(SETTINGS, env_file=settings_file)
    for part in parts:
        assert (await run(part, settings)).finished
    travels = pickle.dumps((parts, settings))
    files = b"".join(each.read_bytes() for each in paths.folder.iterdir())
    for secret in (CARD, "sandbox_secret"):
        assert secret.encode() not in travels + files
    assert len(sandbox.sessions) == 10


async def test_settings_that_cannot_be_read_are_the_error_of_the_partition(paths: RunPaths) -> None:
    [part] = plan_partitions(paths, 1)
    failed = (await run(part, replace(SETTINGS, env_file=paths.folder / "no.env"))).error
    assert failed is not None
    assert failed.message == f"cannot read the settings file {paths.folder / 'no.env'}: No such file or directory"


def test_settings_that_a_traceback_shows_have_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "batch.env"
    path.write_text("CHECKOUT_SUBDOMAIN=abc\nCHECKOUT_SECRET_KEY=very_secret\nCHECKOUT_REDIS_URL=redis://:pw@x\n")
    path.chmod(0o604)
    warnings: list[str] = []
    found = read_environ(path, warnings.append)
    assert (found["CHECKOUT_SUBDOMAIN"], str(found["CHECKOUT_SECRET_KEY"])) == ("abc", "very_secret")
    assert "very_secret" not in repr([*found.items()]) + repr(found)
    assert "redis:" not in repr(found["CHECKOUT_REDIS_URL"])
    assert warnings == [f"every user of this machine can read the secrets in {path}: chmod 600 it"]


class TestRejects:
    async def test_the_rejected_rows_of_all_partitions_are_in_one_file_in_the_order_of_the_input(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        source, defaults = tmp_path / "in.csv", write_lines(tmp_path / "defaults.json", [SHARED])
        cells = [("A", "1"), ("B", "19,99"), ("C", "1"), ("B", "2"), ("D", "x", "y"), ("E", "")]
        source.write_bytes(b"\xef\xbb\xbf" + as_csv(("reference", "amount"), *cells, delimiter=";"))
        paths = RunPaths.of(source, tmp_path / "out.csv", defaults=defaults, rejects=tmp_path / "rejects.csv")
        report = await complete(paths)
        assert report.results == {"authenticated": 3, "invalid": 3}
        assert paths.rejects is not None
        assert mode_of(paths.rejects) == 0o600
        assert paths.rejects.read_bytes() == (
            b"\xef\xbb\xbf#rejected;reference;amount\r\n"
            b'"row 3, column amount: 19,99 is not a whole number of minor units; 1999?";B;19,99\r\n'
            b'"row 5, column reference: the same reference as line 3; give each record its own";B;2\r\n'
            b"row 6: the row has 3 cells and the header 2;D;x;y\r\n"
        )
        corrected = paths.rejects.with_name("corrected.csv")
        header, first, *_ = paths.rejects.read_bytes().split(b"\r\n")
        corrected.write_bytes(b"\r\n".join((header, first.replace(b";19,99", b";1999"), b"")))
        async with client_of(sandbox) as checkout:
            await run_file(checkout, corrected, paths.output, resume=True, options=OPTIONS, defaults=defaults)
        assert sent(sandbox) == Counter("ABCE")

    async def test_a_record_that_the_api_refused_has_its_reason_and_parquet_its_types(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        source, rejects = tmp_path / "in.parquet", tmp_path / "rejects.parquet"
        given = arrow.Table.from_pylist([{**SHARED, "reference": f"r-{number}"} for number in range(6)])
        parquet.write_table(given, source)
        sandbox.faults.add("request_session", REFUSED, at=3, times=1)
        paths = RunPaths.of(source, tmp_path / "out.jsonl", rejects=rejects)
        report = await complete(paths)
        assert report.results == {"authenticated": 5, "invalid": 1}
        [row] = parquet.read_table(rejects).to_pylist()
        assert "amount_too_odd" in row.pop("#rejected")
        [line] = [line for line, each in results_in(text_of(paths.output)).items() if each["result"] == "invalid"]
        assert row == given.to_pylist()[line - 1]

    async def test_rows_of_an_input_that_has_changed_are_not_taken_for_rejected_ones(
        self, sandbox: Sandbox, paths: RunPaths, tmp_path: Path
    ) -> None:
        write_lines(paths.input, [{"reference": "good"}, {"amount": "x"}])
        paths = replace(paths, rejects=tmp_path / "rejects.jsonl")
        assert paths.rejects is not None
        parts = plan_partitions(paths, 1)
        assert (await run(parts[0])).finished
        before = paths.input.read_bytes(), paths.input.stat()
        write_lines(paths.input, [{"amount": "x"}, {"reference": "good"}])
        with pytest.raises(RunIncomplete, match="has changed since the run was planned"):
            await asyncio.to_thread(gather_partitions, paths, parts, options=OPTIONS)
        assert not paths.rejects.exists()
        paths.input.write_bytes(before[0])
        os.utime(paths.input, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
        await asyncio.to_thread(gather_partitions, paths, parts, options=OPTIONS)
        assert json.loads(text_of(paths.rejects))["amount"] == "x"
        assert sent(sandbox) == Counter(["good"])

    async def test_a_complete_run_copies_nothing_again(self, paths: RunPaths, tmp_path: Path) -> None:
        write_lines(paths.input, [{"reference": "a"}, {"amount": "x"}])
        paths = replace(paths, rejects=tmp_path / "rejects.jsonl")
        await complete(paths)
        assert paths.rejects is not None
        assert json.loads(text_of(paths.rejects))["amount"] == "x"
        paths.rejects.write_text("corrected")
        assert await asyncio.to_thread(finished_report, paths) is not None
        assert text_of(paths.rejects) == "corrected"

    @pytest.mark.parametrize(
        "name", ["in.jsonl", "out.jsonl", "out.jsonl.journal", "none/r.jsonl", "r.csv", "old.jsonl"]
    )
    async def test_a_copy_that_could_not_be_written_at_the_end_is_refused_before(
        self, paths: RunPaths, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "old.jsonl").write_text("corrected")
        with pytest.raises(BatchFileError):
            plan_partitions(replace(paths, rejects=tmp_path / name), 2)
        assert not paths.folder.exists()
