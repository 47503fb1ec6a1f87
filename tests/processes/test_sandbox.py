"""The simulator and its children: only the process that started it answers, and stops it."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request

import pytest

from checkout_async.sandbox import Sandbox
from tests.faults import certificates
from tests.processes.children import fork, outcome, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

UNKNOWN = "pay_nobodyhasthisoneinhere0000"


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("context", [None, certificates.server()], ids=["tcp", "tls"])
def test_children_are_refused_and_the_parent_goes_on(
    loop: asyncio.AbstractEventLoop, context: ssl.SSLContext | None
) -> None:
    sandbox = Sandbox(ssl_context=context)
    wait_for(loop, sandbox.__aenter__())
    checkout = sandbox.client(ssl_context=None if context is None else certificates.trusting())
    assert outcome(loop, checkout.payments.get_payment(UNKNOWN)) == "NotFound"

    def child() -> str:
        for act in (
            lambda: sandbox.requests,
            lambda: sandbox.webhooks,
            sandbox.revoke_tokens,
            lambda: sandbox.count("x"),
        ):
            with pytest.raises(Exception, match="was first used in another process"):
                act()
        ended = [
            outcome(loop, sandbox.advance(1)),
            outcome(loop, sandbox.webhooks_settled()),
            outcome(loop, sandbox.refusing().__aenter__()),
            outcome(loop, sandbox.__aexit__(None, None, None)),
        ]
        return " ".join(ended)

    assert fork(child) == ["WrongProcess WrongProcess WrongProcess None"] * 2
    assert outcome(loop, checkout.payments.get_payment(UNKNOWN)) == "NotFound"
    assert sandbox.count("get_payment") == 2
    wait_for(loop, checkout.aclose())
    wait_for(loop, sandbox.__aexit__(None, None, None))


def test_a_child_answers_no_request_of_its_parents_simulator(loop: asyncio.AbstractEventLoop) -> None:
    sandbox = Sandbox()
    wait_for(loop, sandbox.__aenter__())

    def child() -> str:
        # The same loop, with its copy of the listener. Nobody answers: the parent waits for this child.
        loop.set_exception_handler(lambda _loop, _context: None)
        loop.run_until_complete(asyncio.sleep(0.3))
        return "not answered"

    def ask() -> None:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"{sandbox.base_url}/payments/x", timeout=0.2)

    assert fork(child, meanwhile=ask) == ["not answered"] * 2
    loop.run_until_complete(asyncio.sleep(0.05))  # take and close the connection that waited
    wait_for(loop, sandbox.__aexit__(None, None, None))


def test_a_child_can_use_the_simulator_as_a_client(loop: asyncio.AbstractEventLoop) -> None:
    sandbox = Sandbox()
    wait_for(loop, sandbox.__aenter__())

    def child() -> str:
        async def use() -> None:
            async with sandbox.client() as checkout:
                await checkout.payments.get_payment(UNKNOWN)

        with asyncio.Runner() as runner:
            return outcome(runner.get_loop(), use())

    assert fork(child, serving=loop) == ["NotFound"] * 2
    assert sandbox.count("get_payment") == 2
    wait_for(loop, sandbox.__aexit__(None, None, None))
