"""What a person reads in results, in the summary and on the screen: no names of Python, and what to do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from checkout_async import CheckoutClient, OAuthCredentials, RetryPolicy, Timeouts, errors
from checkout_async._core.decision import final_error
from checkout_async.batch import FAKE_BROWSER_DATA, Backoff, BatchOptions, Outcome, run_file
from checkout_async.batch.words import plain, what_happened
from checkout_async.operations import sessions as operations
from checkout_async.sandbox import CannedResponse, Fault, Sandbox
from checkout_async.sandbox.http.faults import Behaviour
from tests.batch.support import SID, record, request
from tests.commands import AUTHENTICATE, results_in, run, text_of, write_lines
from tests.loop_time import LoopTime, StallThatEndsTheAttempt

# Names of operations, arguments and types, and what a programmer would do next.
FOREIGN = (
    *(each.name for each in (operations.REQUEST_SESSION, operations.GET_SESSION)),
    *("call", "idempotency", "validate=", "extra_body", "`int`", "`str`", "Limits", "=)", "FAKE_BROWSER_DATA"),
    *(name for name in errors.__all__ if name[0].isupper() and name != "Conflict"),
)

LOOK_UP = (
    "; a session may exist: look it up by the reference. If there is none, --resume --retry-unknown sends it again"
)


def is_for_a_person(text: str) -> bool:
    return not [name for name in FOREIGN if name in text]


@pytest.mark.parametrize(
    ("fault", "result", "message"),
    [
        (Fault.LOST_REPLY, "unknown", "no reply: the exchange with {host} failed (connection reset by peer)" + LOOK_UP),
        (Fault.STALLED, "unknown", "no reply: {host} took too long" + LOOK_UP),
        (Fault.INTERNAL_ERROR, "unknown", "the API answered 500" + LOOK_UP),
        (
            Fault.NOT_JSON,
            "unknown",
            "the reply with status 202 cannot be understood: it is not valid JSON" + LOOK_UP,
        ),
        (Fault.WRONG_ID, "unknown", "the reply with status 202 cannot be understood: id is missing" + LOOK_UP),
        (Fault.TOO_LARGE, "unknown", "the reply with status 202 cannot be understood: it is too large" + LOOK_UP),
        (
            CannedResponse(404),
            "failed",
            "the API answered 404; check the subdomain and the environment; --resume sends it",
        ),
        (
            CannedResponse(403),
            "failed",
            "the API answered 403; a scope may be missing, or a rule of the account forbids it; --resume sends it",
        ),
        (
            CannedResponse(422, b'{"error_type": "request_invalid", "error_codes": ["currency_odd", "amount_odd"]}'),
            "invalid",
            "the API answered 422 request_invalid: currency_odd, amount_odd; correct the record, then --resume",
        ),
    ],
    ids=lambda each: each.name if isinstance(each, Fault) else getattr(each, "status", None),
)
async def test_results_say_what_happened_and_what_to_do(
    sandbox: Sandbox, source: Path, target: Path, fault: Fault | Behaviour, result: str, message: str
) -> None:
    sandbox.faults.add("request_session", fault)
    sandbox.faults._released = StallThatEndsTheAttempt(LoopTime(asyncio.get_running_loop()), 30)
    write_lines(source, [request(reference="A")])
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=["sessions:browser", "sessions:app"])
    limits: dict[str, Any] = {"timeout": Timeouts(total=30), "retry": RetryPolicy(attempts=1)}
    async with CheckoutClient(credentials, base_url=sandbox.base_url, token_url=sandbox.token_url, **limits) as client:
        await run_file(client, source, target, options=BatchOptions(channel_data=FAKE_BROWSER_DATA))
    row = results_in(text_of(target))[1]
    host = sandbox.base_url.removeprefix("http://")
    assert (row["result"], row["error"]["message"]) == (result, message.format(host=host))
    assert is_for_a_person(row["error"]["message"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"amount": "x"}, "not a whole number"),
        ({"amuont": 1}, "amuont: no member of a session request; did you mean `amount`?"),
        ({"amount": 10**30}, "a number is too large"),
        ({"source": {"type": "card"}}, "number is missing"),
        ({"completion": {"type": "x"}}, "must be one of hosted, non_hosted"),
    ],
    ids=["type", "unknown", "large", "missing", "tag"],
)
async def test_an_invalid_record_says_what_to_correct(
    sandbox: Sandbox, source: Path, target: Path, members: dict[str, object], message: str
) -> None:
    write_lines(source, [json.dumps({**request(reference="A"), **members})])
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[])
    async with CheckoutClient(credentials, base_url=sandbox.base_url, token_url=sandbox.token_url) as client:
        await run_file(client, source, target, options=BatchOptions(channel_data=FAKE_BROWSER_DATA))
    assert results_in(text_of(target))[1]["error"]["message"] == message


@pytest.mark.parametrize("operation", [operations.REQUEST_SESSION, operations.GET_SESSION], ids=lambda each: each.name)
@pytest.mark.parametrize("failure", [errors.ConnectFailed, errors.OutcomeUnknown], ids=lambda each: each.__name__)
@pytest.mark.parametrize("earlier", [False, True], ids=["first", "repeated"])
def test_no_failure_of_the_network_speaks_to_a_programmer(
    operation: Any, failure: type[errors.TransportError], earlier: bool
) -> None:
    error = final_error(operation, failure("no connection", reason="refused"), 2, may_have_been_done=earlier)
    for session_id in (None, SID):
        outcome = Outcome.of(record(), None, error, session_id=session_id)
        assert outcome.error is not None
        assert is_for_a_person(outcome.error.message)
        assert "--resume" in outcome.error.message


def test_a_session_that_is_known_is_read_again() -> None:
    gone = errors.NotFound("get_session: 404", operation="get_session", status=404)
    outcome = Outcome.of(record(), None, gone, session_id=SID)
    assert outcome.error is not None
    assert outcome.error.message == (
        "the API answered 404; --resume reads the session again. If there is none, --resume --retry-unknown sends the "
        "record again"
    )


def test_other_texts_stay_as_they_are() -> None:
    assert what_happened(errors.JournalError("the journal x failed: full")) == "the journal x failed: full"
    assert plain("of a kind that nobody has thought of") == "of a kind that nobody has thought of"
    mixed = errors.ReplyMismatch("request_session: mixed up", operation="request_session", reason="its amount is not")
    assert what_happened(mixed) == "the reply belongs to another request: its amount is not"


async def test_a_run_that_ends_early_says_why_in_the_same_words(sandbox: Sandbox, source: Path, target: Path) -> None:
    sandbox.faults.add("request_session", Fault.UNAVAILABLE, times=None)
    write_lines(source, [request(reference=str(number)) for number in range(8)])
    reasons: list[str] = []
    backoff = Backoff(initial=0.001, maximum=0.001, give_up_after=0.001)
    options = BatchOptions(channel_data=FAKE_BROWSER_DATA, concurrency=1, outage_backoff=backoff)
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[])
    retry = RetryPolicy(attempts=1)
    async with CheckoutClient(
        credentials, base_url=sandbox.base_url, token_url=sandbox.token_url, retry=retry
    ) as client:
        with pytest.raises(errors.ServerError):
            await run_file(client, source, target, options=options, on_pause=lambda why, _: reasons.append(why))
    assert set(reasons) == {"the API answered 503"}


async def test_the_command_says_it_on_the_screen(sandbox: Sandbox, env: dict[str, str], source: Path) -> None:
    sandbox.faults.add("request_session", CannedResponse(403), times=None)
    write_lines(source, [request(reference=str(number)) for number in range(5)])
    done = await run(*AUTHENTICATE, source, "-o", source.with_name("out.jsonl"), "--concurrency", "1", env=env)
    assert done.code == 3
    assert "stopped: the API answered 403; a scope may be missing, or a rule of the account forbids it\n" in done.err
