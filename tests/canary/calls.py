"""Every operation with marked arguments and replies, and a server that sends these replies, with faults on request."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy, Timeouts
from checkout_async._core.codec import decode
from checkout_async._core.model import ResponseModel
from checkout_async._core.wire import Operation
from checkout_async.observability import Hook
from checkout_async.sandbox.http.faults import Behaviour
from tests.canary.marks import Canaries, candidates
from tests.generated.support import Example, examples, operations
from tests.generated.test_wire import PUBLISHED_WITH_DEFECTS

IDENTIFIERS = {"session_id": "sid_" + "a" * 26, "payment_id": "pay_" + "a" * 26, "reference": "ORD-1"}
CLIENT_ID = "ack_sandbox"
ATTEMPT = 5.0
QUICK = RetryPolicy(attempts=2, backoff=0, conflict_wait=3600, max_retry_after=0.1)


def secret(kind: str) -> str:
    """Return a credential never used before, without characters that HTTP Basic or a header could not carry."""
    return next(candidates("secret", f"-{kind}-as-long-as-the-real-ones"))


@dataclass
class Call:
    """A call of an operation with marked arguments and a marked reply; `sent` and `received` say what is in them."""

    operation: Operation[Any]
    tag: str
    name: str
    arguments: dict[str, Any]
    status: int = 200
    reply: bytes = b""
    sent: Canaries = field(default_factory=Canaries)
    received: Canaries = field(default_factory=Canaries)

    def __str__(self) -> str:
        return self.name

    async def by_client(self, checkout: CheckoutClient, **changes: Any) -> Any:
        """Make the call as a method of a client."""
        method = getattr(getattr(checkout, self.tag), self.operation.name)
        return await method(**{**self.arguments, **changes})

    async def by_function(self, checkout: CheckoutClient, **changes: Any) -> Any:
        """Make the call by its function."""
        function = getattr(functions(self.tag), self.operation.name)
        return await function(checkout, **{**self.arguments, **changes})


def functions(tag: str) -> Any:
    """Return the module with the operations of an API."""
    return importlib.import_module(f"checkout_async._generated.operations.{tag}")


def calls() -> list[Call]:
    """Return a call for each example of a request, and for each example of a reply."""
    found = list(_calls())
    described = {each["operationId"] for each in operations()} - {"request_access_token"}
    assert {call.operation.name for call in found} == described
    return found


def _calls() -> Iterator[Call]:
    every = [example for example in examples() if str(example) not in PUBLISHED_WITH_DEFECTS]
    for described in operations():
        name, tag = described["operationId"], described["tags"][0].lower()
        own = [example for example in every if example.operation == name]
        requests = [example for example in own if example.status is None]
        replies = [example for example in own if example.status is not None and example.status < 400]
        if tag != "access":
            for number in range(max(len(requests), len(replies), 1)):
                yield call(name, tag, at(requests, number), at(replies, number), number)


def at(found: list[Example], number: int) -> Example | None:
    """Return one of the examples, starting again after the last."""
    return found[number % len(found)] if found else None


def call(name: str, tag: str, request: Example | None, reply: Example | None, number: int) -> Call:
    """Return a call of an operation with everything marked."""
    module = functions(tag)
    operation: Operation[Any] = getattr(module, name.upper())
    made = Call(operation, tag, f"{name}-{number}", {})
    for argument, parameter in inspect.signature(getattr(module, name)).parameters.items():
        if argument in IDENTIFIERS and parameter.default is parameter.empty:
            made.arguments[argument] = IDENTIFIERS[argument]
    if request is not None:
        made.arguments["body"] = body_of(operation, request, made.sent, as_mapping=number % 2 == 0)
    made.arguments["headers"] = {"X-Custom": made.sent.add("header", secret("header"))}
    if "extra_body" in inspect.signature(getattr(module, name)).parameters and request is not None:
        made.arguments["extra_body"] = {"brand_new": {"secret": made.sent.add("extra body", secret("extra"))}}
    if operation.idempotency_header:
        made.arguments["idempotency_key"] = made.sent.add("idempotency key", secret("key"))
    if operation.session_secret and number % 2 == 0:
        made.arguments["session_secret"] = made.sent.add("session secret", f"sek_{secret('session')}")
    if reply is not None:
        made.status = reply.status or 200
        value, _ = decode(operation.responses[made.status] or object, json.dumps(reply.value).encode())
        made.received.mark(value)
        value = fitting(value, made.arguments)
        made.reply = msgspec.json.encode(value)
    return made


def fitting(reply: Any, arguments: dict[str, Any]) -> Any:
    """Return a reply that belongs to the call: it repeats what it has to of the request, and is about its resource."""
    if not isinstance(reply, ResponseModel):
        return reply
    sent = msgspec.to_builtins(arguments.get("body", {}))
    echoes = {name: sent[echoed] for name, echoed in reply.__echoes__.items() if sent.get(echoed) is not None}
    asked = [value for name, value in arguments.items() if name in IDENTIFIERS]
    about = {"id": asked[0]} if asked and hasattr(reply, "id") else {}
    return msgspec.structs.replace(reply, **echoes, **about)


def body_of(operation: Operation[Any], example: Example, canaries: Canaries, *, as_mapping: bool) -> Any:
    """Return a marked body, as a Struct or as a mapping of the same shape."""
    found = (each.type for each in operation.alternatives if example.value.keys() >= {*each.members})
    struct = msgspec.convert(example.value, next(found, operation.request), strict=False)
    canaries.mark(struct)
    return msgspec.to_builtins(struct) if as_mapping else struct


class Server:
    """Answers every request with a fixed reply, and with a fault if it has one. Its tokens are marked."""

    def __init__(self) -> None:
        self.received = Canaries()
        self.reply: tuple[int, bytes] = (200, b"{}")
        self.fault: Behaviour | None = None
        self.token_fault: Behaviour | None = None
        self.released = asyncio.Event()
        self.arrived = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.arrived.set()
        is_token = request.path == "/connect/token"
        fault, handler = (self.token_fault, self._token) if is_token else (self.fault, self._api)
        if fault is None:
            return await handler(request)
        return await fault.deliver(request, await fault.answer(request, handler), self.released)

    async def _token(self, _request: web.Request) -> web.StreamResponse:
        token = self.received.add("access token", secret("token"))
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def _api(self, _request: web.Request) -> web.StreamResponse:
        status, body = self.reply
        cookie = self.received.add("cookie", secret("cookie"))
        headers = {"Set-Cookie": cookie, "Cko-Request-Id": "0d1"}
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)


@asynccontextmanager
async def serving() -> AsyncGenerator[Server]:
    """Run a server on a loopback port."""
    server = Server()
    app = web.Application()
    handler: Handler = server.answer
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        server.released.set()
        await runner.cleanup()


def client(server: Server, hooks: list[Hook], canaries: Canaries, **options: Any) -> CheckoutClient:
    """Return a client with a marked client secret."""
    own = canaries.add("client secret", secret("client-secret"))
    settings: dict[str, Any] = {
        "base_url": server.url,
        "token_url": f"{server.url}/connect/token",
        "retry": QUICK,
        "timeout": Timeouts(total=10, attempt=ATTEMPT),
        "limits": Limits(read_rate=None, write_rate=None, retry_budget=None, response_size=32 * 1024),
        "hooks": hooks,
    }
    return CheckoutClient(OAuthCredentials(CLIENT_ID, own, scopes=[]), **{**settings, **options})
