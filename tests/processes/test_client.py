"""A client and its children: what was forked touches no connection of its parent. Counted at the server."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import ssl
import threading
import warnings
import weakref
from collections.abc import Generator
from contextlib import AsyncExitStack

import pytest

from checkout_async import CheckoutClient, RetryPolicy, SecretKey, errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.operations import sessions as operations
from tests.faults import certificates
from tests.processes.children import PATIENCE, fork, loop_in_thread, outcome, wait_for
from tests.transport.servers import RawServer, raw_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


class Server:
    """A raw server in a thread; it answers each reading of a session with the id that was asked for."""

    def __init__(self, seen: RawServer, answers: threading.Event) -> None:
        self._seen = seen
        self.answers = answers
        self.url = seen.url

    @property
    def counts(self) -> tuple[int, int]:
        """How many requests and connections it saw."""
        return len(self._seen.requests), self._seen.connections

    def client(self) -> CheckoutClient:
        context = certificates.trusting() if self.url.startswith("https") else None
        retry = RetryPolicy(attempts=1)
        return CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=self.url, ssl_context=context, retry=retry)


@pytest.fixture(params=["tcp", "tls"])
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    answers = threading.Event()
    answers.set()
    context: ssl.SSLContext | None = certificates.server() if request.param == "tls" else None
    requests: list[RawServer] = []

    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        body = b'{"id":"%b"}' % requests[0].requests[number - 1].split()[1].rpartition(b"/")[2]
        while not answers.is_set():
            await asyncio.sleep(0.001)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    with loop_in_thread() as run:
        stack = AsyncExitStack()
        requests.append(run(stack.enter_async_context(raw_server(answer, context))))
        yield Server(requests[0], answers)
        run(stack.aclose())


def sid(number: int) -> str:
    return f"sid_{number:026d}"


async def get(checkout: CheckoutClient, number: int) -> str:
    return (await checkout.sessions.get_session(sid(number))).id


def test_children_with_the_same_loop_are_refused_and_the_parent_goes_on(
    server: Server, loop: asyncio.AbstractEventLoop
) -> None:
    checkout = server.client()
    assert wait_for(loop, get(checkout, 1)) == sid(1)

    def child() -> str:
        return " ".join(outcome(loop, get(checkout, number)) for number in (2, 3, 4))

    assert fork(child) == ["WrongProcess WrongProcess WrongProcess"] * 2
    assert server.counts == (1, 1)
    assert [wait_for(loop, get(checkout, number)) for number in (5, 6)] == [sid(5), sid(6)]
    assert server.counts == (3, 1)
    wait_for(loop, checkout.aclose())


def test_the_error_says_what_happened_and_what_to_do(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    checkout = server.client()
    wait_for(loop, get(checkout, 1))

    def child() -> str:
        with pytest.raises(errors.WrongProcess) as caught:
            wait_for(loop, checkout.send(operations.build_get_session(sid(2))))
        assert not caught.value.may_have_been_done
        assert not caught.value.is_transient
        return str(caught.value)

    text = "the client was first used in another process, before a fork, so nothing was sent or written; make one in "
    assert fork(child, count=1) == [text + "each process"]
    wait_for(loop, checkout.aclose())


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("way", ["closed", "collected"])
def test_what_a_child_gives_up_stays_open_for_the_parent(
    server: Server, loop: asyncio.AbstractEventLoop, way: str
) -> None:
    clients = [server.client()]
    wait_for(loop, get(clients[0], 1))

    def child() -> str:
        if way == "closed":
            wait_for(loop, clients[0].aclose())
        complaints: list[object] = []
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        warnings.simplefilter("ignore", ResourceWarning)  # asyncio's, which are ignored by default
        client = weakref.ref(clients.pop())
        gc.collect()
        assert client() is None
        loop.run_until_complete(asyncio.sleep(0.01))
        return f"done {complaints}"

    assert fork(child, count=1) == ["done []"]
    assert wait_for(loop, get(clients[0], 2)) == sid(2)
    assert server.counts == (2, 1)
    wait_for(loop, clients[0].aclose())


def test_a_child_does_not_take_the_reply_to_a_call_in_progress(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    checkout = server.client()
    wait_for(loop, get(checkout, 1))
    server.answers.clear()
    call = loop.create_task(get(checkout, 2))
    while server.counts[0] < 2:
        loop.run_until_complete(asyncio.sleep(0.001))

    def child() -> str:
        # The parent does not read before this child has ended, so the child is woken by the reply.
        with pytest.raises(errors.OutcomeUnknown):
            loop.run_until_complete(asyncio.wait_for(call, PATIENCE / 2))
        return "not taken"

    assert fork(child, meanwhile=server.answers.set) == ["not taken"] * 2
    assert loop.run_until_complete(asyncio.wait_for(call, PATIENCE / 2)) == sid(2)
    assert wait_for(loop, get(checkout, 3)) == sid(3)
    assert server.counts == (3, 1)
    wait_for(loop, checkout.aclose())


def test_a_client_that_was_only_made_works_in_each_child(server: Server) -> None:
    checkout = server.client()

    async def use() -> str:
        async with checkout:
            return await get(checkout, 1) + await get(checkout, 2)

    assert fork(lambda: asyncio.run(use())) == [sid(1) + sid(2)] * 2
    assert asyncio.run(use()) == sid(1) + sid(2)
    assert server.counts == (6, 3)


def test_a_fork_of_multiprocessing_with_a_loop_of_its_own(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    checkout = server.client()
    wait_for(loop, get(checkout, 1))
    context = multiprocessing.get_context("fork")
    reports = context.SimpleQueue()
    children = [context.Process(target=_call_and_report, args=(checkout, reports)) for _ in range(2)]
    for child in children:
        child.start()
    assert [reports.get() for _ in children] == ["WrongProcess"] * 2
    for child in children:
        child.join()
    assert wait_for(loop, get(checkout, 2)) == sid(2)
    assert server.counts == (2, 1)
    wait_for(loop, checkout.aclose())


def _call_and_report(checkout: CheckoutClient, reports: multiprocessing.SimpleQueue[str]) -> None:
    with asyncio.Runner() as runner:
        reports.put(outcome(runner.get_loop(), get(checkout, 9)))


def test_a_transport_of_ones_own_is_not_asked_in_a_child(loop: asyncio.AbstractEventLoop) -> None:
    asked: list[str] = []

    class Own:
        async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            asked.append(request.url)
            return HttpResponse(status=200, headers={}, body=b'{"id":"%b"}' % sid(1).encode())

        async def aclose(self) -> None:
            asked.append("closed")

    checkout = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="https://api.example", transport=Own())
    wait_for(loop, get(checkout, 1))

    def child() -> str:
        ended = outcome(loop, get(checkout, 2))
        wait_for(loop, checkout.aclose())
        return f"{ended} {len(asked)}"

    assert fork(child) == ["WrongProcess 1"] * 2
