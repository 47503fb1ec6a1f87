"""What a kept connection risks, and what a new one costs.

First, calls of an operation without an idempotency key, in bursts that come just before the server closes its idle
connections. It prints how many of them ended with an unknown outcome, and how many connections they took. Then what a
call takes on a kept connection and on a new one, with and without TLS.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import trustme
from canned import CANNED

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey
from checkout_async.errors import CheckoutError, OutcomeUnknown
from checkout_async.models import sessions

BURSTS, SIZE, EVERY, IDLE_TIMEOUT = 15, 64, 0.98, 1.0
CALLS = 400
HOST = "127.0.0.1"

BODY = (CANNED / "request_session.challenged.response.201.json").read_bytes()
REQUEST = sessions.SessionRequest(
    source=sessions.CardSource(number="4242424242424242", expiry_month=1, expiry_year=2030),
    amount=6540,
    currency="GBP",
    completion=sessions.NonHostedCompletionInfo(),
)


class Server(asyncio.Protocol):
    """Answers each request with a session, and closes a connection that was idle for `idle_timeout` seconds."""

    def __init__(self, connections: Synchronized[int], idle_timeout: float, *, announces: bool) -> None:
        announcement = b"Keep-Alive: timeout=%d\r\n" % idle_timeout if announces else b""
        head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
        self._reply = head % (len(BODY), announcement) + BODY
        self._connections = connections
        self._idle_timeout = idle_timeout
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.value += 1
        self._timer = asyncio.get_running_loop().call_later(self._idle_timeout, transport.close)

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is complete."""
        self._timer.cancel()
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if end and len(body) >= (int(lengths[0]) if lengths else 0):
            self._received = b""
            self._transport.write(self._reply)
            self._timer = asyncio.get_running_loop().call_later(self._idle_timeout, self._transport.close)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the timer."""
        self._timer.cancel()


@dataclass(frozen=True)
class Place:
    """Where a server is, and how many connections it accepted."""

    url: str
    connections: Synchronized[int]
    ssl_context: ssl.SSLContext | None


@contextmanager
def server(idle_timeout: float, *, announces: bool = False, tls: bool = False) -> Generator[Place]:
    """Run a server in a process of its own."""
    authority = trustme.CA()
    with tempfile.NamedTemporaryFile() as file:
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(file.name)
        ours, theirs = multiprocessing.Pipe()
        connections: Synchronized[int] = multiprocessing.Value("i", 0, lock=False)  # type: ignore[assignment]
        arguments = (theirs, connections, idle_timeout, announces, Path(file.name) if tls else None)
        process = multiprocessing.Process(target=_serve, args=arguments, daemon=True)
        process.start()
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode()) if tls else None
        try:
            yield Place(f"http{'s' if tls else ''}://{HOST}:{ours.recv()}", connections, context)
        finally:
            process.terminate()
            process.join()


def _serve(
    ready: Connection, connections: Synchronized[int], idle_timeout: float, announces: bool, certificate: Path | None
) -> None:
    async def run() -> None:
        context = None
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            lambda: Server(connections, idle_timeout, announces=announces), HOST, 0, ssl=context
        )
        ready.send(listening.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


def client(place: Place, keepalive_non_idempotent: float) -> CheckoutClient:
    """Return a client that tries once and may send as fast as it can."""
    limits = Limits(keepalive_non_idempotent=keepalive_non_idempotent, read_rate=None, write_rate=None)
    retry = RetryPolicy(attempts=1)
    key = SecretKey("sk_sbox_" + "a" * 27)
    return CheckoutClient(key, base_url=place.url, limits=limits, retry=retry, ssl_context=place.ssl_context)


async def bursts(place: Place, keepalive_non_idempotent: float) -> None:
    """Create sessions in bursts; print how they ended."""
    ended: Counter[str] = Counter()

    async def call(checkout: CheckoutClient) -> None:
        try:
            await checkout.sessions.request_session(REQUEST)
        except OutcomeUnknown:
            ended["unknown"] += 1
        except CheckoutError as error:
            ended[type(error).__name__] += 1
        else:
            ended["created"] += 1

    async with client(place, keepalive_non_idempotent) as checkout:
        for _ in range(BURSTS):
            next_burst = time.monotonic() + EVERY
            await asyncio.gather(*(call(checkout) for _ in range(SIZE)))
            await asyncio.sleep(next_burst - time.monotonic())
    calls = BURSTS * SIZE
    print(
        f"  keepalive_non_idempotent={keepalive_non_idempotent:<4g} unknown {ended['unknown']:3d} of {calls}   "
        f"connections {place.connections.value} ({place.connections.value / calls:.2f} a call)   {dict(ended)}"
    )


async def cost(place: Place, keepalive_non_idempotent: float) -> tuple[float, float]:
    """Return the milliseconds, and those of this process's processor time, that a call takes, one after the other."""
    async with client(place, keepalive_non_idempotent) as checkout:
        await checkout.sessions.request_session(REQUEST)
        took: list[float] = []
        busy = time.process_time()
        for _ in range(CALLS):
            started = time.perf_counter()
            await checkout.sessions.request_session(REQUEST)
            took.append(time.perf_counter() - started)
        return statistics.median(took) * 1e3, (time.process_time() - busy) / CALLS * 1e3


def main() -> None:
    """Print all figures."""
    print(f"bursts of {SIZE} every {EVERY} s to a server that closes connections that were idle for {IDLE_TIMEOUT:g} s")
    for setting in (15.0, Limits().keepalive_non_idempotent):
        with server(IDLE_TIMEOUT) as place:
            asyncio.run(bursts(place, setting))
    print("the same with a server that sends Keep-Alive: timeout=1")
    with server(IDLE_TIMEOUT, announces=True) as place:
        asyncio.run(bursts(place, 15.0))
    for tls in (False, True):
        with server(60.0, tls=tls) as place:
            kept, kept_busy = asyncio.run(cost(place, 15.0))
            new, new_busy = asyncio.run(cost(place, 0.0))
        print(
            f"a call over {'TLS' if tls else 'TCP'}: kept connection {kept:.2f} ms, new one {new:.2f} ms "
            f"(ratio {new / kept:.1f}; of processor time {new_busy / kept_busy:.1f})"
        )


if __name__ == "__main__":
    main()
