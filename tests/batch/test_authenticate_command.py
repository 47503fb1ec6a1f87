"""`checkout-async authenticate` as a user runs it, against a real sandbox on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import pty
from collections.abc import Mapping
from pathlib import Path

import pytest

from checkout_async.sandbox import Sandbox, card_number
from tests.batch.support import CARD, request
from tests.commands import (
    AUTHENTICATE,
    COMMAND,
    PATIENCE,
    environment,
    finish,
    is_there,
    link,
    mode_of,
    results_in,
    run,
    text_of,
    write_lines,
)

pytestmark = pytest.mark.slow

DECLINED = card_number("declined")
SECRETS = (CARD, DECLINED, "sandbox_secret", "sek_", "eyJ")


def referenced(count: int) -> list[Mapping[str, object]]:
    """Requests that a journal can tell apart."""
    return [request(reference=f"ref-{number}") for number in range(count)]


class TestAuthenticate:
    async def test_every_line_has_a_result_even_a_declined_one(
        self, env: dict[str, str], source: Path, target: Path
    ) -> None:
        lines = [request(reference="a"), request(DECLINED, reference="b"), request(card_number("challenge"))]
        done = await run(*AUTHENTICATE, write_lines(source, lines), "--output", target, env=env)
        results = results_in(text_of(target))
        assert done.code == 0
        assert [results[line]["status"] for line in (1, 2, 3)] == ["approved", "declined", "challenged"]
        assert results[1]["reference"] == "a"
        assert results[1].keys() >= {"session_id", "eci", "cryptogram", "response_code"}
        assert [results[line]["result"] for line in (1, 2, 3)] == ["authenticated", "declined", "challenge_required"]
        assert "3 of 3: " in done.err
        assert [row.split()[:2] for row in done.out.splitlines() if row.startswith(("authenticated", "records"))] == [
            ["authenticated", "1"],
            ["records", "3"],
        ]

    async def test_malformed_and_invalid_lines_are_reported_and_do_not_stop_the_rest(
        self, env: dict[str, str], source: Path, target: Path
    ) -> None:
        lines: list[Mapping[str, object] | str] = [
            f'{{"number": "{CARD}"',
            request(),
            "",
            request(amount=-1),
            request("4485040371536585"),
        ]
        done = await run(*AUTHENTICATE, write_lines(source, lines), "--output", target, env=env)
        results = results_in(text_of(target))
        assert done.code == 1
        assert results.keys() == {1, 2, 4, 5}
        assert results[1]["error"]["kind"] == "InvalidRecord"
        assert results[2]["status"] == "approved"
        assert (results[4]["error"]["kind"], results[4]["error"]["path"]) == ("InvalidRequest", "$.amount")
        assert results[5]["error"]["kind"] == "UnprocessableEntity"

    async def test_no_card_number_or_secret_leaves_in_any_output(
        self, env: dict[str, str], source: Path, target: Path
    ) -> None:
        requests = [request(), request(DECLINED), request(card_number("not_enrolled")), request(CARD + "x")]
        lines: list[Mapping[str, object] | str] = [f"{CARD} {{", *requests]
        done = await run(*AUTHENTICATE, write_lines(source, lines), "--output", target, env=env)
        for text in (done.out, done.err, text_of(target)):
            assert not [secret for secret in SECRETS if secret in text]

    async def test_standard_input_and_output(self, env: dict[str, str]) -> None:
        stdin = b"".join(json.dumps(request()).encode() + b"\n" for _ in range(3))
        done = await run(*AUTHENTICATE, "-", "--output", "-", env=env, stdin=stdin)
        assert done.code == 0
        assert results_in(done.out).keys() == {1, 2, 3}
        assert "records" in done.err

    async def test_only_the_owner_may_read_the_results(self, env: dict[str, str], source: Path, target: Path) -> None:
        await run(*AUTHENTICATE, write_lines(source, [request()]), "--output", target, env=env)
        assert mode_of(target) == 0o600

    async def test_an_existing_output_needs_force(self, env: dict[str, str], source: Path, target: Path) -> None:
        write_lines(source, [request()])
        write_lines(target, ["precious"])
        refused = await run(*AUTHENTICATE, source, "--output", target, env=env)
        assert (refused.code, text_of(target)) == (2, "precious\n")
        assert "--force" in refused.err
        replaced = await run(*AUTHENTICATE, source, "--output", target, "--force", env=env)
        assert replaced.code == 0
        assert results_in(text_of(target)).keys() == {1}

    @pytest.mark.parametrize("through_a_link", [False, True])
    @pytest.mark.parametrize("on_standard_input", [False, True])
    async def test_the_input_is_never_overwritten(
        self, env: dict[str, str], source: Path, target: Path, through_a_link: bool, on_standard_input: bool
    ) -> None:
        before = text_of(write_lines(source, [request()]))
        same = link(target, source) if through_a_link else source
        with source.open() as stdin:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, *AUTHENTICATE, "-" if on_standard_input else source, "--output", same, "--force",
                env=env, stdin=stdin, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            done = await finish(process)
        assert done.code == 2
        assert "the output is the input file" in done.err
        assert text_of(source) == before

    async def test_results_are_not_appended_to_the_input(self, env: dict[str, str], source: Path) -> None:
        before = text_of(write_lines(source, [request()]))
        with source.open("a") as stdout:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, *AUTHENTICATE, source, "--output", "-",
                env=env, stdout=stdout, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            done = await finish(process)
        assert done.code == 2
        assert text_of(source) == before

    async def test_channel_data_from_a_file(self, env: dict[str, str], source: Path, target: Path) -> None:
        data = source.with_name("channel.json")
        write_lines(data, [{"channel": "merchant_initiated", "request_type": "recurring_transaction"}])
        write_lines(source, [request(card_number("challenge"))])
        done = await run("authenticate", source, "--output", target, "--channel-data", data, env=env)
        assert done.code == 0
        # Nobody is there to be challenged.
        assert results_in(text_of(target))[1]["status"] == "declined"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('{"channel": "browser", "language": "en"}', "missing required field `accept_header`"),
            ('{"channel": "app"}', "$.channel"),
            ("[]", "not a JSON object"),
            (None, "No such file"),
        ],
    )
    async def test_channel_data_that_cannot_be_used_are_refused(
        self, env: dict[str, str], source: Path, target: Path, content: str | None, message: str
    ) -> None:
        data = source.with_name("channel.json")
        if content is not None:
            write_lines(data, [content])
        write_lines(source, [request()])
        done = await run("authenticate", source, "--output", target, "--channel-data", data, env=env)
        assert (done.code, done.out, is_there(target)) == (2, "", False)
        assert message in done.err
        assert done.err.count("\n") == 1

    async def test_wrong_credentials_stop_the_run_and_say_how_far_it_came(
        self, sandbox: Sandbox, source: Path, target: Path
    ) -> None:
        env = environment(sandbox.base_url, CHECKOUT_CLIENT_SECRET="not_the_secret")
        write_lines(source, referenced(500))
        done = await run(*AUTHENTICATE, source, "--output", target, "--concurrency", "4", env=env)
        results = results_in(text_of(target))
        assert done.code == 3
        assert "check client id, secret" in done.err
        assert f"{len(results)} of 500 records have a new result; the last line read was {max(results)}" in done.err
        assert {result["result"] for result in results.values()} == {"failed"}
        assert "not_the_secret" not in done.err + done.out + text_of(target)

    async def test_results_that_cannot_be_written_stop_the_run_and_are_named(
        self, env: dict[str, str], sandbox: Sandbox, source: Path
    ) -> None:
        write_lines(source, referenced(500))
        full = ("--output", "/dev/full", "--output-format", "jsonl", "--force")
        done = await run(*AUTHENTICATE, source, *full, "--concurrency", "2", env=env)
        assert done.code == 3
        assert "stopped: cannot write results: No space left on device" in done.err
        assert "0 of 500 records have a new result" in done.err
        assert len(sandbox.sessions) < 500
        for session_id in sandbox.sessions:
            assert f"session {session_id} approved" in done.err

    async def test_a_reader_that_went_away_stops_the_run(self, env: dict[str, str], source: Path) -> None:
        write_lines(source, referenced(500))
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *AUTHENTICATE, source, "--output", "-", "--concurrency", "2",
            env=env, stdout=writing, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        os.close(writing)
        await asyncio.to_thread(os.read, reading, 1)
        os.close(reading)
        done = await finish(process)
        assert done.code == 3
        assert "stopped: cannot write results: Broken pipe" in done.err

    async def test_a_terminal_shows_a_bar(self, env: dict[str, str], source: Path, target: Path) -> None:
        write_lines(source, referenced(3))
        leader, follower = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *AUTHENTICATE, source, "--output", target, env=env | {"TERM": "xterm"}, stderr=follower
        )
        os.close(follower)
        assert await asyncio.wait_for(process.wait(), timeout=PATIENCE) == 0
        shown = os.read(leader, 1 << 16).decode()
        os.close(leader)
        assert "3 of 3" in shown
        assert "\x1b[" in shown
