"""The clients that are compared: each one makes the same three calls of Checkout.com's API.

What they do beside the exchange is in `CONTENDERS`. All of them keep their connections and allow as many as are needed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import UnionType
from typing import Any, Union, get_args, get_origin

import aiohttp
import msgspec
from canned import CANNED

from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async._core.model import OpenEnum
from checkout_async.models import payments, sessions
from checkout_async.observability import LoggingHook

Calls = Mapping[str, Callable[[], Awaitable[object]]]
Contender = Callable[[str], AbstractAsyncContextManager[Calls]]

PAYMENT_ID = "pay_mbabizu24mvu3mela5njyhpit4"
SESSION: dict[str, Any] = json.loads((CANNED / "request_session.full.request.json").read_bytes())
CAPTURE: dict[str, Any] = {"amount": 6540, "reference": "CAP-1"}
TOKEN = "Bearer " + "eyJhbGciOiJSUzI1NiJ9" + "x" * 800
THREADS = 64
MOST_IN_FLIGHT = 512


def _ours(*, mapping: bool = False, hooks: bool = False) -> Contender:
    @asynccontextmanager
    async def contender(base: str) -> AsyncGenerator[Calls]:
        session: Any = SESSION if mapping else msgspec.convert(SESSION, sessions.SessionRequest)
        capture: Any = CAPTURE if mapping else msgspec.convert(CAPTURE, payments.CaptureRequest)
        async with CheckoutClient(
            OAuthCredentials("ack_bench", "secret", scopes=[]),
            base_url=base,
            token_url=f"{base}/token",
            # Every policy is on. Only the rates and the slots, which would wait on purpose, are out of the way.
            limits=Limits(concurrency=MOST_IN_FLIGHT, read_rate=None, write_rate=None),
            hooks=[LoggingHook()] if hooks else [],
        ) as client:
            yield {
                "request_session": lambda: client.sessions.request_session(session),
                "get_payment": lambda: client.payments.get_payment(PAYMENT_ID),
                "capture_payment": lambda: client.payments.capture_payment(PAYMENT_ID, capture),
            }

    return contender


@asynccontextmanager
async def by_hand(base: str) -> AsyncGenerator[Calls]:
    """Make the calls as the documentation of aiohttp shows it: dictionaries in and out, and nothing else."""
    headers = {"Authorization": TOKEN}
    connector = aiohttp.TCPConnector(limit=MOST_IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:

        async def send(method: str, path: str, body: object = None) -> object:
            async with session.request(method, base + path, json=body, headers=headers) as reply:
                reply.raise_for_status()
                return await reply.json()

        yield {
            "request_session": lambda: send("POST", "/sessions", SESSION),
            "get_payment": lambda: send("GET", f"/payments/{PAYMENT_ID}"),
            "capture_payment": lambda: send("POST", f"/payments/{PAYMENT_ID}/captures", CAPTURE),
        }


@asynccontextmanager
async def specialist(base: str) -> AsyncGenerator[Calls]:
    """Make the calls with classes of msgspec both ways, without a check, a policy or a retry."""
    encode = msgspec.json.Encoder().encode
    decode_session = msgspec.json.Decoder(plain(sessions.Session)).decode
    decode_payment = msgspec.json.Decoder(plain(payments.Payment)).decode
    decode_action = msgspec.json.Decoder(plain(payments.AcceptedAction)).decode
    request = msgspec.convert(SESSION, plain(sessions.SessionRequest))
    capture = msgspec.convert(CAPTURE, plain(payments.CaptureRequest))
    async with _bare_session() as session:

        async def send(method: str, path: str, decode: Callable[[bytes], object], body: object = None) -> object:
            data = None if body is None else encode(body)
            async with session.request(method, base + path, data=data) as reply:
                reply.raise_for_status()
                return decode(await reply.read())

        yield {
            "request_session": lambda: send("POST", "/sessions", decode_session, request),
            "get_payment": lambda: send("GET", f"/payments/{PAYMENT_ID}", decode_payment),
            "capture_payment": lambda: send("POST", f"/payments/{PAYMENT_ID}/captures", decode_action, capture),
        }


@asynccontextmanager
async def only_bytes(base: str) -> AsyncGenerator[Calls]:
    """Exchange ready bytes: what aiohttp itself takes."""
    request, capture = json.dumps(SESSION).encode(), json.dumps(CAPTURE).encode()
    async with _bare_session() as session:

        async def send(method: str, path: str, data: bytes | None = None) -> object:
            async with session.request(method, base + path, data=data) as reply:
                return await reply.read()

        yield {
            "request_session": lambda: send("POST", "/sessions", request),
            "get_payment": lambda: send("GET", f"/payments/{PAYMENT_ID}"),
            "capture_payment": lambda: send("POST", f"/payments/{PAYMENT_ID}/captures", capture),
        }


def _bare_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Authorization": TOKEN, "Content-Type": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


@asynccontextmanager
async def with_httpx(base: str) -> AsyncGenerator[Calls]:
    """Make the calls with httpx, with dictionaries in and out."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": TOKEN}, limits=limits, timeout=30) as client:

        async def send(method: str, path: str, body: object = None) -> object:
            reply = await client.request(method, path, json=body)
            return reply.raise_for_status().json()

        yield {
            "request_session": lambda: send("POST", "/sessions", SESSION),
            "get_payment": lambda: send("GET", f"/payments/{PAYMENT_ID}"),
            "capture_payment": lambda: send("POST", f"/payments/{PAYMENT_ID}/captures", CAPTURE),
        }


@asynccontextmanager
async def with_stripe(base: str) -> AsyncGenerator[Calls]:
    """Make calls of the same shape with Stripe's SDK, on its own paths and with its own kind of body (a form)."""
    import stripe

    amount = {"amount": 6540, "currency": "gbp", "metadata": {"reference": "ORD-1"}}
    client = stripe.StripeClient("sk_test_1", base_addresses={"api": base}, http_client=stripe.HTTPXClient())
    send = client.raw_request_async
    yield {
        "request_session": lambda: send("post", "/sessions", **amount),
        "get_payment": lambda: send("get", f"/payments/{PAYMENT_ID}"),
        "capture_payment": lambda: send("post", f"/payments/{PAYMENT_ID}/captures", amount_to_capture=6540),
    }


@asynccontextmanager
async def vendor(base: str) -> AsyncGenerator[Calls]:
    """Make the calls with Checkout.com's own SDK, which blocks, on threads."""
    import requests
    from checkout_sdk.checkout_sdk import CheckoutSdk
    from checkout_sdk.environment import Environment

    http = requests.Session()
    http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
    where = Environment(f"{base}/", f"{base}/token", base, base, base, base, base, is_sandbox=True)
    builder: Any = CheckoutSdk.builder().oauth().client_credentials("ack_bench", "secret")
    api: Any = builder.environment(where).use_legacy_domain().http_client_builder(_Given(http)).build()
    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(THREADS)
    yield {
        "request_session": lambda: loop.run_in_executor(threads, api.sessions.request_session, SESSION),
        "get_payment": lambda: loop.run_in_executor(threads, api.payments.get_payment_details, PAYMENT_ID),
        "capture_payment": lambda: loop.run_in_executor(
            threads, api.payments.capture_payment, PAYMENT_ID, CAPTURE, "key"
        ),
    }
    threads.shutdown()


class _Given:
    """Gives a `requests.Session` to the vendor's builder."""

    def __init__(self, session: object) -> None:
        self._session = session

    def get_client(self) -> object:
        return self._session


CONTENDERS: Mapping[str, tuple[Contender, str]] = {
    "ours": (_ours(), "this package: OAuth, a Struct as body, all policies on"),
    "ours, mapping": (_ours(mapping=True), "the same with a dictionary as body"),
    "ours, hook": (_ours(hooks=True), "the same with a LoggingHook whose logger is off"),
    "by hand": (by_hand, "aiohttp and json: dictionaries in and out, no check, no policy"),
    "specialist": (specialist, "aiohttp and msgspec: plain classes in and out, no check, no policy"),
    "bytes": (only_bytes, "aiohttp: ready bytes in and bytes out"),
    "httpx": (with_httpx, "httpx: dictionaries in and out"),
    "stripe": (with_stripe, "Stripe's SDK on httpx: a call of the same shape"),
    "vendor": (vendor, f"Checkout.com's SDK on {THREADS} threads"),
}


_plain: dict[Any, Any] = {}


def plain(type_: Any) -> Any:
    """Return a type as somebody would write it by hand: Structs without our bases, and texts for enums."""
    if type_ not in _plain:
        _plain[type_] = _make_plain(type_)
    return _plain[type_]


def _make_plain(type_: Any) -> Any:
    if isinstance(type_, type) and issubclass(type_, OpenEnum):
        return str
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        fields = msgspec.structs.fields(type_)
        config = type_.__struct_config__
        return msgspec.defstruct(
            type_.__name__,
            [
                (each.name, plain(each.type), msgspec.UNSET if each.default is msgspec.UNSET else None)
                if not each.required
                else (each.name, plain(each.type))
                for each in fields
            ],
            rename={each.name: each.encode_name for each in fields},
            kw_only=True,
            omit_defaults=True,
            tag=config.tag,
            tag_field=config.tag_field,
        )
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in {Union, UnionType}:
        return Union[tuple(map(plain, arguments))]  # noqa: UP007 - of a tuple
    if origin in {list, dict}:
        return origin[tuple(map(plain, arguments))]
    return type_
