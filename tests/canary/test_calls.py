"""No operation leaks a marked secret, whether it succeeds or fails."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from checkout_async import CheckoutClient, OAuthCredentials, SecretKey, SessionSecret, errors
from checkout_async.sandbox import CannedResponse, ConnectionEnd, Fault, Interruption
from tests.canary.calls import ATTEMPT, Call, Server, calls, client, secret, serving
from tests.canary.channels import Recorder, leaks, pickled, recording, rendered, shown, without_reply
from tests.canary.marks import Canaries
from tests.loop_time import LoopTime, StallThatEndsTheAttempt

pytestmark = pytest.mark.slow

CALLS = calls()
FIRST = list({call.operation.name: call for call in reversed(CALLS)}.values())
STALLS = {
    fault for fault in Fault if isinstance(fault.value, Interruption) and fault.value.connection is ConnectionEnd.STALL
}


async def outcome(call: Call, checkout: CheckoutClient, **changes: Any) -> tuple[Any, BaseException | None]:
    """Make the call. Return its result or the exception that it raised."""
    try:
        return await call.by_client(checkout, **changes), None
    except (errors.CheckoutError, TypeError, asyncio.CancelledError) as error:
        return None, error


def outputs(recorder: Recorder, result: Any, error: BaseException | None) -> Iterator[tuple[str, str]]:
    seen = set[int]()
    yield from recorder.outputs(seen)
    yield from shown(result)
    if error is not None:
        yield from rendered(error, seen)
    for task in asyncio.all_tasks():
        yield "task", repr(task)


def check(
    found: list[tuple[str, str]],
    error: BaseException | None,
    sent: Canaries,
    received: Canaries,
    clean: set[str] | None = None,
) -> None:
    """Check that a pickle keeps the reply as received and no other secret."""
    assert leaks(found, sent | received, clean) == []
    if isinstance(error, errors.CheckoutError):
        assert leaks(list(pickled(error)), sent) == []
        assert leaks(list(pickled(without_reply(error))), sent | received) == []


async def attempt(call: Call, server: Server, recorder: Recorder, **changes: Any) -> BaseException | None:
    """Make a call with a new client and search all its outputs."""
    server.reply = (call.status, call.reply)
    sent = Canaries() | call.sent
    async with client(server, recorder.hooks, sent) as checkout:
        result, error = await outcome(call, checkout, **changes)
        found = list(outputs(recorder, result, error))
    check(found, error, sent, call.received | server.received, recorder.clean)
    return error


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_success_shows_nothing(call: Call) -> None:
    with recording() as recorder:
        async with serving() as server:
            assert await attempt(call, server, recorder) is None


@pytest.mark.parametrize("call", FIRST, ids=lambda call: call.operation.name)
async def test_no_fault_shows_anything(call: Call) -> None:
    with recording() as recorder:
        async with serving() as server:
            server.released = StallThatEndsTheAttempt(LoopTime(asyncio.get_running_loop()), ATTEMPT)
            for fault in Fault:
                server.fault = fault.value
                await attempt(call, server, recorder)
            assert leaks(list(recorder.measured()), call.sent | call.received | server.received) == []


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in STALLS], ids=lambda fault: fault.name)
async def test_no_fault_of_the_token_endpoint_shows_anything(fault: Fault) -> None:
    with recording() as recorder:
        async with serving() as server:
            server.token_fault = fault.value
            await attempt(FIRST[0], server, recorder)


def echo(call: Call) -> bytes:
    """Return an error body that repeats what can be recognised: card numbers, keys and tokens."""
    recognised = [
        value for value, name in call.sent.values.items() if (value.isdigit() and "pan" in name) or value[:4] == "sek_"
    ]
    return json.dumps({"error_type": f"bad {recognised}", "error_codes": recognised, "request_id": "0d1"}).encode()


@pytest.mark.parametrize("call", FIRST, ids=lambda call: call.operation.name)
@pytest.mark.parametrize("status", [401, 422, 503])
async def test_a_refusal_that_repeats_what_was_sent_shows_nothing(call: Call, status: int) -> None:
    with recording() as recorder:
        async with serving() as server:
            server.fault = CannedResponse(status, echo(call))
            sent = Canaries() | call.sent
            async with client(server, recorder.hooks, sent) as checkout:
                result, error = await outcome(call, checkout)
                assert isinstance(error, errors.ApiError)
                assert leaks(list(outputs(recorder, result, error)), sent | server.received) == []
                assert leaks(list(pickled(without_reply(error))), sent) == []


@pytest.mark.parametrize("call", FIRST, ids=lambda call: call.operation.name)
async def test_a_reply_of_the_wrong_shape_shows_nothing(call: Call) -> None:
    with recording() as recorder:
        async with serving() as server:
            for body in (
                b"[" + call.reply + b"]",
                call.reply[:-1] + b',"id":{"a":[]}}',
                b'{"raw":' + call.reply + b"}",
            ):
                server.fault = CannedResponse(call.status, body)
                await attempt(call, server, recorder)


WRONG: list[dict[str, Any]] = [
    {"body": {"no_such_member": "canary-of-an-unknown-member"}},
    {"body": {"reference": object(), "number": "canary-of-what-is-no-json"}},
    {"body": {"reference": "canary-of-a-surrogate \ud800"}},
    {"body": "canary-of-a-text"},
    {"body": b"canary-of-bytes"},
    {"headers": {"X-Custom": "canary-of-a-header\r\n"}},
    {"idempotency_key": "canary-of-a-key\n"},
    {"idempotency_key": b"canary-of-a-key"},
    {"session_secret": "canary-of-a-session-secret\n"},
    {"session_secret": b"canary-of-a-session-secret"},
    {"timeout": "canary"},
]


@pytest.mark.parametrize("call", FIRST, ids=lambda call: call.operation.name)
async def test_wrong_arguments_are_refused_without_being_shown(call: Call) -> None:
    with recording() as recorder:
        async with serving() as server:
            for change in WRONG:
                if change.keys() <= call.arguments.keys() | {"timeout"}:
                    sent = Canaries({"canary-of-": "wrong argument"}) | call.sent
                    async with client(server, recorder.hooks, sent) as checkout:
                        result, error = await outcome(call, checkout, **change)
                        assert isinstance(error, errors.CheckoutError)
                        check(list(outputs(recorder, result, error)), error, sent, server.received, recorder.clean)


@pytest.mark.parametrize("call", [call for call in FIRST if call.reply], ids=lambda call: call.operation.name)
@pytest.mark.parametrize("fault", [Fault.STALLED, Fault.STALLED_AFTER_HEADERS, Fault.STALLED_IN_BODY])
async def test_a_cancelled_call_shows_nothing(call: Call, fault: Fault) -> None:
    with recording() as recorder:
        async with serving() as server:
            server.reply, server.fault = (call.status, call.reply), fault.value
            sent = Canaries() | call.sent
            async with client(server, recorder.hooks, sent) as checkout:
                task = asyncio.create_task(outcome(call, checkout))
                await server.arrived.wait()
                await asyncio.sleep(0.05)  # until the reply stalls, wherever that is
                found = list(outputs(recorder, None, None))
                task.cancel()
                _, error = await task
                assert isinstance(error, asyncio.CancelledError)
                found += outputs(recorder, None, error)
            check(found, error, sent, call.received | server.received)


@pytest.mark.parametrize("call", FIRST, ids=lambda call: call.operation.name)
async def test_a_closed_client_shows_nothing(call: Call) -> None:
    with recording() as recorder:
        async with serving() as server:
            sent = Canaries() | call.sent
            checkout = client(server, recorder.hooks, sent)
            await checkout.aclose()
            for make in (call.by_client, call.by_function):
                with pytest.raises(errors.ClientClosed) as caught:
                    await make(checkout)
                check(list(outputs(recorder, checkout, caught.value)), caught.value, sent, Canaries())


@pytest.mark.parametrize("broken", ["{} ", "{}\n", "{}é"])
@pytest.mark.parametrize("kind", [SecretKey, SessionSecret, partial(OAuthCredentials, "ack_x", scopes=[])])
def test_credentials_that_cannot_be_used_are_refused_without_being_shown(kind: Any, broken: str) -> None:
    canaries = Canaries()
    value = canaries.add("credential", secret("credential"))
    with pytest.raises(errors.ConfigurationError) as caught:
        kind(broken.format(value))
    check(list(rendered(caught.value)), caught.value, canaries, Canaries())


def test_credentials_and_clients_show_nothing_and_are_not_pickled() -> None:
    canaries = Canaries()
    key = "sk_sbox_" + canaries.add("secret key", "abcdefghijkmnopqrstuvwxyz23")
    holders = [
        SecretKey(key),
        SessionSecret(f"sek_{canaries.add('session secret', secret('session'))}"),
        OAuthCredentials("ack_x", canaries.add("client secret", secret("client")), scopes=[]),
        CheckoutClient(SecretKey(key), base_url="http://127.0.0.1:1"),
    ]
    for holder in holders:
        assert leaks(list(shown(holder)), canaries) == []
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(holder)


@pytest.mark.parametrize(
    "environ",
    [
        {"CHECKOUT_CLIENT_SECRET": "canary-of-the-environment"},
        {"CHECKOUT_SECRET_KEY": "canary-of-the-environment"},
        {"CHECKOUT_SECRET_KEY": "canary-of-the-environment", "CHECKOUT_CLIENT_SECRET": "canary-of-the-environment"},
        {"CHECKOUT_CLIENT_ID": "ack_x", "CHECKOUT_CLIENT_SECRET": "canary-of-the-environment"},
        {"CHECKOUT_CLIENT_ID": "ack_x", "CHECKOUT_CLIENT_SECRET": "canary-of-the-environment "},
    ],
)
def test_an_environment_that_does_not_do_is_refused_without_being_shown(environ: dict[str, str]) -> None:
    canaries = Canaries({"canary-of-the-environment": "environment"})
    with pytest.raises(errors.ConfigurationError) as caught:
        CheckoutClient.from_env(environ)
    check(list(rendered(caught.value)), caught.value, canaries, Canaries())


@pytest.mark.parametrize("proxy", ["ftp://user:{}@proxy.example", "http://user:{}@proxy.example/path", "{}"])
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(proxy: str) -> None:
    canaries = Canaries()
    value = proxy.format(canaries.add("proxy password", secret("proxy")))
    with pytest.raises(errors.ConfigurationError) as caught:
        CheckoutClient(
            OAuthCredentials("ack_x", "secret", scopes=[]),
            base_url="http://127.0.0.1:1",
            token_url="http://127.0.0.1:1",
            proxy=value,
        )
    check(list(rendered(caught.value)), caught.value, canaries, Canaries())
