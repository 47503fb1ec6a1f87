"""docs/batch.md: its commands and code run, and what it says of options, results, exit codes and reports is true."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import count
from pathlib import Path
from typing import cast

import anyio
import click
import msgspec
import pytest

from checkout_async.batch import BatchResult, Outcome, Summary, write_report
from checkout_async.batch.command.job import SOME_UNFINISHED, STOPPED_EARLY
from checkout_async.cli import cli
from checkout_async.models import sessions
from checkout_async.sandbox import Sandbox, card_number
from tests.batch.support import client_of, request
from tests.batch.test_html import meanings
from tests.batch.test_kill import RECURRING
from tests.commands import Finished, finish, is_there, results_in, text_of, write_lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def rows(section: str) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    after = TEXT.split(f"## {section}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    assert table is not None, f"no table in {section}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def code(name: str) -> Callable[..., Awaitable[object]]:
    """A function that the page defines."""
    (block,) = [block for block in blocks("python") if f"async def {name}(" in block]
    names: dict[str, object] = {}
    exec(compile(block, "docs/batch.md", "exec", dont_inherit=True), names)
    return cast("Callable[..., Awaitable[object]]", names[name])


class TestWhatItSays:
    def test_every_option_of_the_command_is_in_its_table_and_no_other_is_named(self) -> None:
        command = cli.commands["authenticate"]
        options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
        in_table = {name for row in rows("Options") for name in re.findall(r"`(-[-a-z]+)`", row[0])}
        assert in_table == options
        purge = cast("click.Group", cli.commands["batch"]).commands["purge"]
        others = {name for parameter in purge.params for name in parameter.opts if name.startswith("-")}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) <= options | others

    def test_every_result_is_explained_as_in_the_reports(self) -> None:
        documented = {cells[0]: (cells[1], cells[2]) for cells in rows("What each result means")}
        assert documented == {f"`{result}`": texts for result, texts in meanings().items()}

    def test_resuming_does_something_for_what_is_not_final(self) -> None:
        idle = {cells[0].strip("`") for cells in rows("What each result means") if cells[3] == "nothing"}
        assert idle == {result for result in BatchResult if result.is_final}

    def test_exit_codes_are_those_of_the_command(self) -> None:
        by_signal = {128 + signal.SIGHUP, 128 + signal.SIGINT, 128 + signal.SIGTERM}
        documented = {int(code) for cells in rows("Exit codes") for code in cells[0].split(", ")}
        assert documented == {0, SOME_UNFINISHED, 2, STOPPED_EARLY} | by_signal

    def test_every_member_of_a_report_is_explained(self, tmp_path: Path) -> None:
        write_report(Summary().report("requests.jsonl", "results.jsonl"), tmp_path / "report.json")
        members = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=dict[str, object])
        assert {name for cells in rows("Reports") for name in re.findall(r"`(\w+)`", cells[0])} == members.keys()

    def test_every_column_of_the_results_is_explained(self) -> None:
        flat = {name for name in Outcome.__struct_fields__ if name != "error"}
        nested = {f"error.{name}" for name in ("kind", "message", "path", "status", "request_id")}
        assert {name for cells in rows("Results") for name in re.findall(r"`([\w.]+)`", cells[0])} == flat | nested

    @pytest.mark.parametrize("line", [line for block in blocks("json") for line in block.splitlines()])
    def test_a_request_that_it_shows_is_a_request(self, line: str) -> None:
        assert msgspec.json.decode(line, type=sessions.SessionRequest).reference


class TestItsCommands:
    """The lines of the `sh` blocks, in the shell, against a sandbox."""

    @staticmethod
    async def run(script: str, folder: Path, env: dict[str, str]) -> Finished:
        pipe = asyncio.subprocess.PIPE
        this = f"{sys.executable} -m checkout_async"
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", script.replace("checkout-async", this)),
            cwd=folder,
            env=env | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        return await finish(process)

    async def test_the_first_run_goes_as_documented(
        self, env: dict[str, str], tmp_path: Path, sandbox: Sandbox
    ) -> None:
        before, correct, resume = re.split(r"(^sed .*\n)", blocks("sh")[0], maxsplit=1, flags=re.MULTILINE)
        prepare, dry, first = re.split(r"^(?=checkout-async)", before, flags=re.MULTILINE)
        checked = await self.run(prepare + dry, tmp_path, env)
        assert (checked.code, sandbox.count("request_session")) == (1, 0)
        assert "row 4, column source.expiry_month: above 12" in checked.err
        assert (await self.run(first, tmp_path, env)).code == 1
        assert sandbox.count("request_session") == 2
        resumed = await self.run(correct + resume, tmp_path, env)
        assert (resumed.code, sandbox.count("request_session")) == (0, 3)
        shown = blocks("text")[0]
        assert resumed.out.split("time per record")[0] == shown.split("time per record")[0]
        assert "2 were known from an earlier run" in resumed.out
        assert is_there(tmp_path / "report.html")

    async def test_channel_data_in_a_file_make_sessions_merchant_initiated(
        self, env: dict[str, str], tmp_path: Path, sandbox: Sandbox
    ) -> None:
        prepare = blocks("sh")[0].split("checkout-async", 1)[0].replace(",13,", ",12,")
        done = await self.run(prepare + blocks("sh")[1], tmp_path, env)
        assert done.code == 0, done.err
        channels = Counter(view.channel_data["channel"] for view in sandbox.sessions.values() if view.channel_data)
        assert channels == {"merchant_initiated": 3}

    async def test_payment_data_are_purged(self, env: dict[str, str], tmp_path: Path) -> None:
        [purge] = [block for block in blocks("sh") if "batch purge" in block]
        prepare, _, first, *_ = re.split(r"^(?=checkout-async|sed)", blocks("sh")[0], flags=re.MULTILINE)
        assert (await self.run(prepare + first, tmp_path, env)).code == 1
        done = await self.run(purge, tmp_path, env)
        assert (done.code, done.out) == (0, "removed the payment data of 0 outcomes\n")

    async def test_a_request_that_it_shows_is_authenticated(
        self, env: dict[str, str], tmp_path: Path, sandbox: Sandbox
    ) -> None:
        write_lines(tmp_path / "in.jsonl", [blocks("json")[0].strip()])
        done = await self.run("checkout-async authenticate in.jsonl -o -", tmp_path, env)
        assert done.code == 0, done.err
        assert results_in(done.out)[1]["result"] == "authenticated"


class TestItsCode:
    async def test_outcomes_come_in_order_and_a_second_run_sends_nothing(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        orders = [request(card_number(row), reference=row) for row in ("slow", "frictionless", "declined")]
        async with client_of(sandbox) as checkout:
            for _ in range(2):
                assert await code("authenticate_all")(checkout, orders, anyio.Event()) == []
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in lines] == [
            ["1", "authenticated"],
            ["2", "authenticated"],
            ["3", "declined"],
        ]
        assert sandbox.count("request_session") == 3

    async def test_a_run_over_endless_orders_ends_when_it_is_stopped(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        stop = anyio.Event()

        async def endless() -> AsyncIterator[Mapping[str, object]]:
            for number in count():
                if sandbox.count("request_session") >= 5:
                    stop.set()
                yield request(reference=f"ref-{number}")

        async with client_of(sandbox) as checkout:
            assert await code("authenticate_all")(checkout, endless(), stop) == []
        lines = capsys.readouterr().out.splitlines()
        sent = [line for line in lines if line.split()[1] != "failed"]  # what still waits to be sent is not sent
        assert len(sent) == sandbox.count("request_session") >= 5

    async def test_a_file_is_begun_and_continued_and_then_stays_as_it_is(
        self, sandbox: Sandbox, source: Path, target: Path
    ) -> None:
        authenticate_file = code("authenticate_file")
        requests = [request(reference=f"ref-{number}", channel_data=RECURRING) for number in range(3)]
        async with client_of(sandbox) as checkout:
            await authenticate_file(checkout, write_lines(source, requests[:2]), target)
            await authenticate_file(checkout, write_lines(source, requests), target)
            written = text_of(target)
            await authenticate_file(checkout, source, target)
        assert results_in(written).keys() == {1, 2, 3}
        assert text_of(target) == written
        assert sandbox.count("request_session") == 3
