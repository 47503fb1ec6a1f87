"""Faults on order: which requests meet them, what they do, and that nothing stays behind."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from checkout_async import CheckoutClient, RetryPolicy, errors
from checkout_async.sandbox import CannedResponse, Fault, RewrittenBody, Sandbox
from tests.faults import certificates

DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"
UNKNOWN = "pay_nobodyhasthisoneinhere0000"
NOT_FOUND = 404


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client(retry=RetryPolicy(attempts=1)) as client:
        yield client


async def statuses(sandbox: Sandbox, checkout: CheckoutClient, requests: int) -> list[int]:
    """Look for a payment so many times, and return what the sandbox answered."""
    for _ in range(requests):
        with pytest.raises(errors.CheckoutError):
            await checkout.payments.get_payment(UNKNOWN)
    return [record.status for record in sandbox.requests if record.operation_id == "get_payment"]


async def test_a_fault_applies_to_the_next_request_only(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("get_payment", Fault.UNAVAILABLE)
    assert await statuses(sandbox, checkout, 2) == [503, NOT_FOUND]


async def test_a_fault_applies_to_a_number_of_requests_from_the_given_one(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    await statuses(sandbox, checkout, 1)
    sandbox.faults.add("get_payment", Fault.UNAVAILABLE, at=2, times=2)
    assert await statuses(sandbox, checkout, 4) == [NOT_FOUND, NOT_FOUND, 503, 503, NOT_FOUND]


async def test_the_fault_added_first_applies(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("get_payment", Fault.BAD_GATEWAY, at=2)
    sandbox.faults.add("get_payment", Fault.UNAVAILABLE, times=3)
    assert await statuses(sandbox, checkout, 4) == [503, 502, 503, NOT_FOUND]


async def test_a_fault_without_end_lasts_until_it_is_cleared(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("get_payment", CannedResponse(503), times=None)
    assert await statuses(sandbox, checkout, 3) == [503, 503, 503]
    sandbox.faults.clear()
    assert await statuses(sandbox, checkout, 1) == [503, 503, 503, NOT_FOUND]


async def test_other_operations_do_not_notice(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("get_payment_actions", Fault.UNAVAILABLE)
    assert await statuses(sandbox, checkout, 1) == [NOT_FOUND]


async def test_the_token_endpoint_can_fail_too(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("request_access_token", Fault.NOT_JSON)
    with pytest.raises(errors.ConnectFailed, match=r"the token endpoint 127\.0\.0\.1 answered 200 and what cannot be"):
        await checkout.payments.get_payment(UNKNOWN)
    assert sandbox.count("get_payment") == 0


async def test_a_kept_connection_is_closed_as_it_is_used_again(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    await statuses(sandbox, checkout, 1)
    assert sandbox._runner is not None
    assert sandbox._runner.server is not None
    assert len(sandbox._runner.server.connections) == 1
    sandbox.faults.add("get_payment", Fault.CLOSED)
    with pytest.raises(errors.OutcomeUnknown, match=r"127\.0\.0\.1:\d+ closed the connection"):
        await checkout.payments.get_payment(UNKNOWN)
    assert sandbox._runner.server.connections == []  # the request opened no other


async def test_a_redirect_is_not_followed(checkout: CheckoutClient, sandbox: Sandbox) -> None:
    async with Sandbox() as elsewhere:
        sandbox.faults.add("get_payment", CannedResponse(307, location=f"{elsewhere.base_url}/payments/{UNKNOWN}"))
        with pytest.raises(errors.UnexpectedResponse):
            await checkout.payments.get_payment(UNKNOWN)
        assert elsewhere.requests == ()


async def test_refused_connections_are_taken_again_afterwards(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    async with sandbox.refusing():
        with pytest.raises(errors.ConnectFailed, match=r"no access token: the token endpoint .* could not be reached"):
            await checkout.payments.get_payment(UNKNOWN)
        with pytest.raises(RuntimeError, match="refuses them already"):
            await sandbox.refusing().__aenter__()
    assert await statuses(sandbox, checkout, 1) == [NOT_FOUND]


@pytest.mark.parametrize(("at", "times"), [(0, 1), (1, 0), (-1, None)])
def test_requests_are_counted_from_one(at: int, times: int | None) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Sandbox().faults.add("get_payment", Fault.RESET, at=at, times=times)


@pytest.mark.costly
@pytest.mark.parametrize(
    ("bomb", "decompress"), [(Fault.GZIP_BOMB, gzip.decompress), (Fault.DEFLATE_BOMB, zlib.decompress)]
)
def test_a_bomb_is_a_whole_stream_of_the_body_and_spaces(bomb: Fault, decompress: Callable[[bytes], bytes]) -> None:
    assert isinstance(bomb.value, RewrittenBody)
    for body in (b'{"id": 1}', b""):
        compressed = bomb.value.rewrite(body)
        assert len(compressed) < 70_000
        start, spaces = (whole := decompress(compressed))[: len(body)], whole[len(body) :]
        assert (start, len(spaces), spaces.strip(b" ")) == (body, 64 * 1024 * 1024, b"")


def test_an_operation_that_is_not_there_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"'getPayment'.* get_payment"):
        sandbox.faults.add("getPayment", Fault.RESET)


def test_the_documentation_lists_every_fault() -> None:
    section = DOCS.read_text().partition("\n## Faults\n")[2].partition("\n## ")[0]
    table = section.partition("| `Fault` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([A-Z0-9_]+)`", table, re.MULTILINE) == [fault.name for fault in Fault]


async def test_a_certificate_is_shown_only_by_a_sandbox_that_has_one(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="create it with an ssl_context"):
        await sandbox.presenting(certificates.untrusted()).__aenter__()


async def test_an_impostor_is_shown_until_the_block_is_left() -> None:
    async with (
        Sandbox(ssl_context=certificates.server()) as sandbox,
        sandbox.client(retry=RetryPolicy(attempts=1), ssl_context=certificates.trusting()) as checkout,
    ):
        assert await statuses(sandbox, checkout, 1) == [NOT_FOUND]
        async with sandbox.presenting(certificates.of_another_host()):
            with pytest.raises(errors.ConnectFailed, match="certificate was not accepted"):
                await checkout.payments.get_payment(UNKNOWN)
        assert await statuses(sandbox, checkout, 1) == [NOT_FOUND, NOT_FOUND]
