"""Killed at any moment and started again, a batch sends nothing twice and loses nothing: the sandbox is the witness.

`make test` kills it 25 times. `make test-kills` does so a hundred times, in a batch four times as long.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from checkout_async.sandbox import Sandbox, card_number
from tests.batch.support import request
from tests.commands import AUTHENTICATE, environment, results_in, text_of, write_lines
from tests.forking import Streams, ended, fork, kill_when

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "25"))
RECORDS = 20 * KILLS  # so many that the last kill still finds some that were not sent
CONCURRENCY = 8
RECURRING = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}
FINAL_STATUS = {
    "authenticated": "approved",
    "attempted": "attempted",
    "declined": "declined",
    "rejected": "rejected",
    "unavailable": "unavailable",
    "challenge_required": "challenged",
}


SCENARIOS = ["frictionless"] * 6 + ["declined", "attempted", "slow", "challenge", "unavailable", "not_enrolled"]
CARDS = {card_number(name) for name in SCENARIOS}


def make_requests(rng: random.Random) -> list[Mapping[str, object]]:
    """Mostly merchant-initiated sessions; some take several steps, some are polled, some are refused."""
    requests: list[Mapping[str, object]] = []
    for number in range(RECORDS):
        channel = {} if rng.random() < 0.3 else {"channel_data": RECURRING}
        requests.append(request(card_number(rng.choice(SCENARIOS)), reference=f"kill-{number}", **channel))
    return requests


def a_moment(rng: random.Random, sandbox: Sandbox) -> Callable[[], bool]:
    """Any moment of a run: right after so many requests, or some time after its start if that is sooner."""
    seen = asked(sandbox) + rng.randrange(1, 50)
    over = asyncio.get_running_loop().time() + (rng.uniform(0, 0.5) if rng.random() < 0.5 else math.inf)
    return lambda: asked(sandbox) >= seen or asyncio.get_running_loop().time() >= over


def asked(sandbox: Sandbox) -> int:
    """Requests about sessions that the sandbox answered."""
    return sum(sandbox.count(name) for name in ("request_session", "get_session", "update_session"))


@pytest.mark.timeout(1800)
async def test_killed_again_and_again_it_sends_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    rng = random.Random(20261121)
    requests = make_requests(rng)
    source, target, log = write_lines(tmp_path / "in.jsonl", requests), tmp_path / "out.jsonl", tmp_path / "log"
    streams = Streams(log, log)
    options = ("--concurrency", str(CONCURRENCY), "--rate", "0", "--resume")
    command = (*AUTHENTICATE, source, "--output", target, *options)
    async with Sandbox() as sandbox:
        env = environment(sandbox.base_url)
        kills = 0
        while kills < KILLS:
            kills += await kill_when(fork(command, env, streams), a_moment(rng, sandbox))
        killed_last = sandbox.count("request_session")
        assert await ended(fork(command, env, streams)) == 1
        assert sandbox.count("request_session") > killed_last, "the last kills found nothing left to send"
        before = results_in(text_of(target))
        report("after", kills, before, sandbox)
        check(requests, before, sandbox)
        check_files(target)
        assert sum(result["result"] == "unknown" for result in before.values()) <= KILLS * CONCURRENCY

        assert await ended(fork((*command, "--retry-unknown"), env, streams)) == 1
        after = results_in(text_of(target))
        report("after --retry-unknown and", kills, after, sandbox)
        assert {result["result"] for result in after.values()} == {*FINAL_STATUS, "invalid"} - {"rejected"}
        for line, result in before.items():
            if result["result"] not in {"unknown", "invalid"}:
                assert after[line] == result
    assert "Traceback" not in text_of(log)


def check(requests: list[Mapping[str, object]], results: dict[int, dict[str, Any]], sandbox: Sandbox) -> None:
    """Compare the results with what the sandbox saw."""
    assert [*results] == [*range(1, RECORDS + 1)], "the output is in the order of the lines"
    made = Counter(session.reference for session in sandbox.sessions.values())
    assert set(made.values()) == {1}, "a session was made twice"
    reported = {result["session_id"] for result in results.values() if "session_id" in result}
    for line, result in results.items():
        reference = requests[line - 1]["reference"]
        assert result["reference"] == reference
        if result["result"] in {"unknown", "invalid"}:
            assert "session_id" not in result
            continue
        session = sandbox.sessions[result["session_id"]]
        assert (session.reference, session.status) == (reference, FINAL_STATUS[result["result"]])
        assert ("cryptogram" in result) == (session.status in {"approved", "attempted"})
    unknown = {result["reference"] for result in results.values() if result["result"] == "unknown"}
    for session_id, session in sandbox.sessions.items():
        assert session_id in reported or session.reference in unknown, "a session that was not reported"


def check_files(target: Path) -> None:
    """No file that is left contains a card number; the rows are all of one journal."""
    left = sorted(target.parent.glob(f"{target.name}*"))
    assert [path.name for path in left] == ["out.jsonl", "out.jsonl.journal", "out.jsonl.journal.key"]
    for path in left:
        content = path.read_bytes()
        assert not [number for number in CARDS if number.encode() in content]
    entries = [result["entry"].split("-") for result in results_in(text_of(target)).values()]
    assert len({journal for journal, _ in entries}) == 1
    assert len({number for _, number in entries}) == RECORDS


def report(when: str, kills: int, results: dict[int, dict[str, Any]], sandbox: Sandbox) -> None:
    """Print the figures (pytest -s)."""
    made = {session.reference for session in sandbox.sessions.values()}
    unknown = [result["reference"] for result in results.values() if result["result"] == "unknown"]
    counts = Counter(result["result"] for result in results.values())
    sys.stdout.write(
        f"\n{when} {kills} kills: {len(results)} records, {len(sandbox.sessions)} sessions in the sandbox, "
        f"{sandbox.count('request_session')} requests for one, {sandbox.count('get_session')} to read one; "
        f"unknown: {len(unknown)}, of which {len(made.intersection(unknown))} had arrived; {dict(counts)}\n"
    )
