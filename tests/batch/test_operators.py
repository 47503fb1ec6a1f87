"""What an operator sees at night: no success without records, and no times of records that were never sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy
from checkout_async.batch import Backoff, BatchResult
from checkout_async.sandbox import Sandbox
from tests.batch.support import RECURRING, record, run
from tests.commands import run as command


@pytest.mark.slow
@pytest.mark.parametrize("option", ["run", "dry run"])
@pytest.mark.parametrize(("name", "content"), [("in.csv", "amount,currency\n"), ("in.jsonl", ""), ("in.jsonl", "\n\n")])
async def test_an_input_without_records_is_not_a_success(
    env: dict[str, str], tmp_path: Path, name: str, content: str, option: str
) -> None:
    source = tmp_path / name
    source.write_text(content)
    options = () if option == "run" else ("--dry-run",)
    done = await command("authenticate", source, "--output", tmp_path / "out.jsonl", *options, env=env)
    assert (done.code, "the input has no records" in done.err) == (1, True)


async def test_a_record_that_was_never_sent_has_no_time(sandbox: Sandbox) -> None:
    elsewhere = CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[]),
        base_url="http://127.0.0.1:9",
        token_url=sandbox.token_url,
        limits=Limits(),
        retry=RetryPolicy.none(),
    )
    at_once = Backoff(initial=0.001, maximum=0.001, give_up_after=0.005)
    async with elsewhere as checkout:
        outcomes = run(checkout, [record()], outage_backoff=at_once, channel_data=RECURRING)
        outcome = await anext(outcomes)
    assert (outcome.result, outcome.seconds) == (BatchResult.FAILED, None)
