"""Standard streams that are closed, FIFOs without a peer, and the locale C."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from checkout_async.batch import BatchOptions, run_file
from checkout_async.batch.formats import Format
from checkout_async.sandbox import Sandbox
from tests.batch.support import RECURRING, ScriptedSender, reference_of, request, session
from tests.commands import (
    AUTHENTICATE,
    COMMAND,
    Finished,
    finish,
    is_there,
    link,
    results_in,
    text_of,
    until,
    write_lines,
)

pytestmark = pytest.mark.slow

OPTIONS = BatchOptions(channel_data=RECURRING)


def approved() -> ScriptedSender:
    return ScriptedSender(lambda request: session(id=f"sid_{reference_of(request):a>26}"))


async def run_with(redirections: str, *arguments: str | Path, env: dict[str, str]) -> Finished:
    """Run the command with redirections of a shell, which close standard streams."""
    shell = ("sh", "-c", f'exec "$@" {redirections}', "sh", *COMMAND, *arguments)
    pipe = asyncio.subprocess.PIPE
    return await finish(await asyncio.create_subprocess_exec(*shell, env=env, stdin=pipe, stdout=pipe, stderr=pipe))


class TestClosed:
    @pytest.mark.parametrize("name", ["-", "/dev/stdout", "link"])
    async def test_standard_output_is_refused_as_output(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, tmp_path: Path, name: str
    ) -> None:
        write_lines(source, [request(reference="ref-1")])
        output = link(tmp_path / "link.jsonl", Path("/dev/stdout")) if name == "link" else name
        command = (*AUTHENTICATE, source, "-o", output, "--output-format", "jsonl")
        done = await run_with("0<&- 1>&-", *command, env=env)
        assert (done.code, sandbox.count("request_session")) == (2, 0)
        assert "is closed, or not open for writing" in done.err

    async def test_standard_input_is_refused_as_input(self, env: dict[str, str], target: Path) -> None:
        done = await run_with("0<&-", *AUTHENTICATE, "-", "-o", target, env=env)
        assert (done.code, is_there(target)) == (2, False)
        assert "standard input is closed, or not open for reading" in done.err

    @pytest.mark.parametrize("redirections", ["2>&-", "0<&- 1>&- 2>&-"])
    async def test_a_run_from_file_to_file_needs_no_stream(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path, redirections: str
    ) -> None:
        write_lines(source, [request(reference="ref-1")])
        done = await run_with(redirections, *AUTHENTICATE, source, "-o", target, env=env)
        assert (done.code, len(results_in(text_of(target))), sandbox.count("request_session")) == (0, 1, 1)

    async def test_an_error_without_standard_error_keeps_its_code(self, env: dict[str, str], tmp_path: Path) -> None:
        assert (await run_with("2>&-", *AUTHENTICATE, tmp_path / "none.jsonl", "-o", "-", env=env)).code == 2


class TestFifo:
    """Opening a FIFO waits for its other end, and the system call goes on after a signal."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("which", ["input", "output"])
    async def test_a_signal_ends_the_wait_for_its_other_end(
        self, env: dict[str, str], source: Path, tmp_path: Path, which: str, number: signal.Signals
    ) -> None:
        write_lines(source, [request(reference="ref-1")])
        fifo = tmp_path / "fifo.jsonl"
        os.mkfifo(fifo)
        given = (fifo, "-o", tmp_path / "out.jsonl") if which == "input" else (source, "-o", fifo)
        pipe = asyncio.subprocess.PIPE
        command = (*COMMAND, *AUTHENTICATE, *given)
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
        await until(lambda: has_handler(process.pid, signal.SIGTERM))
        await asyncio.sleep(0.1)  # by now it waits, and an earlier signal ends it in the same way
        process.send_signal(number)
        done = await finish(process)
        assert (done.code, "Traceback" in done.err) == (128 + number, False)

    async def test_the_results_go_to_the_reader_that_comes_later(self, source: Path, tmp_path: Path) -> None:
        write_lines(source, [request(reference="ref-1")])
        fifo = tmp_path / "fifo.jsonl"
        os.mkfifo(fifo)
        running = asyncio.create_task(run_file(approved(), source, fifo, options=OPTIONS))
        await asyncio.sleep(0)
        assert len(results_in(await asyncio.to_thread(text_of, fifo))) == 1
        assert (await running).records == 1

    async def test_the_records_come_from_the_writer_that_comes_later(self, target: Path, tmp_path: Path) -> None:
        fifo = tmp_path / "fifo.jsonl"
        os.mkfifo(fifo)
        running = asyncio.create_task(run_file(approved(), fifo, target, options=OPTIONS))
        await until(lambda: is_there(target))
        await asyncio.to_thread(write_lines, fifo, [request(reference="ref-1"), request(reference="ref-2")])
        assert (await running).records == 2


def has_handler(process: int, number: signal.Signals) -> bool:
    """Whether the process handles a signal in its own way."""
    [caught] = [
        line for line in Path(f"/proc/{process}/status").read_bytes().splitlines() if line.startswith(b"SigCgt:")
    ]
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


async def test_a_pipe_by_its_descriptor_is_read_though_its_writer_has_ended(target: Path) -> None:
    """As in `<(command)`: the other end of the pipe was open."""
    reader, writer = os.pipe()
    os.close(writer)
    try:
        given = Path(f"/dev/fd/{reader}")
        report = await run_file(approved(), given, target, options=OPTIONS, input_format=Format.JSONL)
    finally:
        os.close(reader)
    assert report.records == 0


async def test_a_report_is_written_in_the_locale_c(
    env: dict[str, str], source: Path, target: Path, tmp_path: Path
) -> None:
    write_lines(source, [request(reference="ref-1")])
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = (*AUTHENTICATE, source, "-o", target, "--report", tmp_path / "report.html")
    done = await run_with("", *command, env=env | locale)
    assert (done.code, "Traceback" in done.err) == (0, False)
    assert "</html>" in text_of(tmp_path / "report.html")
