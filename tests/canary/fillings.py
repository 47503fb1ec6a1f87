"""What a caller may put into a parameter: secrets in every form that is nearly right, and good values elsewhere."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import msgspec

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy, SecretKey, SessionSecret, Timeouts
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.auth import AccessToken, FileTokenStore, MemoryTokenStore, RedisTokenStore
from checkout_async.auth.oauth import OAuthAuthenticator, SecretMasker
from checkout_async.auth.static import FixedAuthenticator
from checkout_async.auth.token_cache import TokenCache
from checkout_async.batch import BatchResult, Summary
from checkout_async.clock import Clock
from checkout_async.limits import RedisRateLimiter
from checkout_async.limits.limiter import Limiter
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import FormPost
from checkout_async.threeds.emv import SdkParameters
from tests.canary.doors import Door

__all__ = ["WRONG", "bound", "fillings", "good", "honest_fillings"]

KEY = "sk_sbox_" + "a" * 27
REDIS = "redis://127.0.0.1:1/0"
_PARAMETERS = [field.encode_name for field in msgspec.structs.fields(SdkParameters)]
# The names under which messages and headers are looked up, so that a mapping gets past the search for its member.
_NAMES = (
    "cres",
    "threeDSMethodData",
    "threeDSSessionData",
    "Cko-Signature",
    "authorization",
    "user-agent",
    "CHECKOUT_SECRET_KEY",
    "CHECKOUT_CLIENT_ID",
    "CHECKOUT_CLIENT_SECRET",
    "CHECKOUT_BASE_URL",
)


class _Wrong:
    """A value of a type that nothing accepts."""

    def __repr__(self) -> str:
        return "<wrong>"


WRONG = _Wrong()


def honest_fillings(annotation: str, canary: str) -> Iterator[Any]:
    """Yield values that contain the canary and are of a type that the annotation names."""
    annotation = _plain(annotation)
    values = {"str": canary, "bytes": canary.encode(), "Mapping": {"X-Own": canary, "source": {"number": canary}}}
    yield from (value for word, value in values.items() if re.search(rf"\b{word}\b", annotation))
    yield from (f"rediss://me:{canary}@127.0.0.1/0" for _ in re.findall(r"\bRedis\b", annotation))


def _plain(annotation: str) -> str:
    """Return an annotation with `Mapping` for any mapping, and `str` for the alias of an enum."""
    return re.sub(r"\b\w+Like\b", "str", re.sub(r"Mapping\[[^]]*\]|\b\w+Dict\b", "Mapping", annotation))


def fillings(canary: str) -> Iterator[Any]:
    """Yield values that contain the canary: of each type, and nearly right in each way that the package reads."""
    raw = json.dumps({"id": [canary], "source": {"type": "card", "number": canary}, canary: canary}).encode()
    yield from (canary, f"{canary}\n", f"{canary}\udc80", canary * 6000, f"sek_{canary}\n", raw.decode())
    yield from (canary.encode(), raw, base64.urlsafe_b64encode(raw).decode(), canary.encode() * 6000)
    yield from (f"https://me:{canary}@example.com/", f"rediss://me:{canary}@127.0.0.1/0?x={canary}")
    yield from ([canary], [canary.encode()], [(b"Cko-Signature", canary.encode()), (b"x", WRONG)])
    yield dict.fromkeys(_NAMES, canary)
    yield {name: {canary: [canary]} for name in _NAMES}
    yield {"source": {"number": canary}, "X-Own": f"{canary}\n"}
    yield MappingProxyType({canary: canary, "amount": WRONG, "cres": base64.urlsafe_b64encode(raw).decode()})


class Refusing:
    """A transport whose server refuses everything."""

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        return HttpResponse(status=422, headers={"cko-request-id": "0d1"}, body=b'{"error_type": "request_invalid"}')

    async def aclose(self) -> None: ...


def client() -> CheckoutClient:
    """Return a client that needs no server."""
    return CheckoutClient(
        SecretKey(KEY),
        environment="sandbox",
        subdomain="vkuhvk4v",
        transport=Refusing(),
        retry=RetryPolicy(attempts=1),
    )


def _sender(_authenticator: object) -> CheckoutClient:
    return client()


async def _fetch() -> AccessToken:
    return AccessToken("token", 2e9, 3600.0)


_BY_NAME: dict[str, Callable[[], Any]] = {
    "session": lambda: msgspec.convert({"id": "sid_x", "transaction_id": "t"}, sessions.Session),
    "parameters": lambda: msgspec.convert(dict.fromkeys(_PARAMETERS, "x"), SdkParameters),
    "sender": client,
    "token_sender": lambda: _sender,
    "token": lambda: AccessToken("token", 2e9, 3600.0),
    "masker": lambda: SecretMasker("x"),
    "shared": lambda: None,
    "decoder": lambda: msgspec.json.Decoder(dict[str, int]),
    "pattern": lambda: re.compile("x"),
    "credentials": lambda: SecretKey(KEY),
    "operation": lambda: operations.GET_SESSION,
    "peer": lambda: "192.0.2.1",
    "client_id": lambda: "ack_x",
    "environment": lambda: "sandbox",
    "subdomain": lambda: "vkuhvk4v",
    "scopes": lambda: (),
    "url": lambda: "https://issuer.example/",
    "action": lambda: "https://issuer.example/",
    "notification_url": lambda: "https://shop.example/",
    "redis": lambda: REDIS,
    "result": lambda: BatchResult.FAILED,
}

_OWNERS: dict[type, Callable[[], Any]] = {
    CheckoutClient: client,
    FileTokenStore: lambda: FileTokenStore("unused"),
    FixedAuthenticator: lambda: FixedAuthenticator("x"),
    MemoryTokenStore: MemoryTokenStore,
    OAuthAuthenticator: lambda: OAuthAuthenticator(client(), (), SecretMasker("x"), None, "api.example"),
    OAuthCredentials: lambda: OAuthCredentials("ack_x", "x", scopes=[]),
    RedisRateLimiter: lambda: RedisRateLimiter(REDIS, "x"),
    RedisTokenStore: lambda: RedisTokenStore(REDIS),
    SecretKey: lambda: SecretKey(KEY),
    SecretMasker: lambda: SecretMasker("x"),
    SessionSecret: lambda: SessionSecret("sek_x"),
    Summary: Summary,
    TokenCache: lambda: TokenCache(_fetch, float),
    Limiter: lambda: Limiter(Limits(), Clock()),
}


def good(name: str, parameter: inspect.Parameter) -> Any:
    """Return a value that the parameter accepts."""
    annotation = _plain(str(parameter.annotation))
    if "FormPost" in annotation:
        return FormPost("https://issuer.example/", {"creq": "x"})
    if name in _BY_NAME:
        return _BY_NAME[name]()
    values: dict[str, Any] = {"Mapping": {}, "bytes": b"{}", "str": "good", "float": 1.0, "int": 1}
    return next((value for word, value in values.items() if re.search(rf"\b{word}\b", annotation)), None)


def bound(door: Door) -> Callable[..., Any]:
    """Return a door as a callable: a method is bound to an object of its class."""
    if door.owner is None:
        return door.call
    make = _OWNERS.get(door.owner) or partial(door.owner, client())
    return cast("Callable[..., Any]", getattr(make(), door.call.__name__))
