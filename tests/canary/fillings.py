"""What a caller may put into a parameter: secrets in every form that is nearly right, and good values for the others."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import msgspec

from checkout_async import CheckoutClient, RetryPolicy, SecretKey
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.auth.oauth import SecretMasker
from checkout_async.auth.token_store import AccessToken
from checkout_async.config import Timeouts
from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import FormPost
from checkout_async.threeds.emv.app import SdkParameters

__all__ = ["WRONG", "fillings", "good"]

KEY = "sk_sbox_" + "a" * 27
# The names under which messages and headers are looked up, so that a mapping gets past the search for its member.
_NAMES = ("cres", "threeDSMethodData", "threeDSSessionData", "Cko-Signature", "authorization", "user-agent")
_NAMES += ("CHECKOUT_SECRET_KEY", "CHECKOUT_CLIENT_ID", "CHECKOUT_CLIENT_SECRET", "CHECKOUT_BASE_URL")


class _Wrong:
    """A value of a type that nothing accepts."""

    def __repr__(self) -> str:
        return "<wrong>"


WRONG = _Wrong()


def fillings(canary: str) -> Iterator[Any]:
    """Yield values that contain the canary: of each type, and nearly right in each way that the package reads."""
    raw = json.dumps({"id": [canary], "source": {"type": "card", "number": canary}, canary: canary}).encode()
    yield from (canary, f"{canary}\n", f"{canary}\udc80", canary * 6000, f"sek_{canary}\n", raw.decode())
    yield from (canary.encode(), raw, base64.urlsafe_b64encode(raw).decode(), canary.encode() * 6000)
    yield from (f"https://me:{canary}@example.com/", f"rediss://me:{canary}@127.0.0.1/0?x={canary}")
    yield from ([canary], [canary.encode()], [(b"Cko-Signature", canary.encode()), (b"x", WRONG)])
    yield dict.fromkeys(_NAMES, canary)
    yield dict.fromkeys(_NAMES, {canary: [canary]})
    yield {"source": {"number": canary}, "X-Own": f"{canary}\n"}
    yield MappingProxyType({canary: canary, "amount": WRONG, "cres": base64.urlsafe_b64encode(raw).decode()})


class Unhelpful:
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
        transport=Unhelpful(),
        retry=RetryPolicy(attempts=1),
    )


def _session() -> sessions.Session:
    return msgspec.convert({"id": "sid_" + "a" * 26, "transaction_id": "t"}, sessions.Session)


def _parameters() -> SdkParameters:
    return SdkParameters(
        device_data="x",
        sdk_transaction_id="x",
        sdk_app_id="x",
        sdk_reference_number="x",
        sdk_ephemeral_public_key={"kty": "EC"},
    )


async def _fetch() -> AccessToken:
    return AccessToken("token", 2e9, 3600.0)


_BY_NAME: dict[str, Callable[[], Any]] = {
    "session": _session,
    "parameters": _parameters,
    "sender": client,
    "token_sender": lambda: lambda _authenticator: client(),
    "token": lambda: AccessToken("token", 2e9, 3600.0),
    "masker": lambda: SecretMasker("x"),
    "shared": lambda: None,
    "fetch": lambda: _fetch,
    "is_acceptable": lambda: bool,
    "decoder": lambda: msgspec.json.Decoder(dict[str, int]),
    "pattern": lambda: re.compile("x"),
    "credentials": lambda: SecretKey(KEY),
    "operation": lambda: operations.GET_SESSION,
    "peer": lambda: "192.0.2.1",
    "client_id": lambda: "ack_x",
    "environment": lambda: "sandbox",
    "subdomain": lambda: "vkuhvk4v",
    "values": lambda: None,
    "scopes": lambda: (),
    "url": lambda: "https://issuer.example/",
    "notification_url": lambda: "https://shop.example/",
    "redis": lambda: "redis://127.0.0.1:1/0",
    "lock_timeout": lambda: 1.0,
}


def good(name: str, parameter: inspect.Parameter) -> Any:
    """Return a value that the parameter accepts."""
    annotation = str(parameter.annotation)
    if "FormPost" in annotation:
        return FormPost("https://issuer.example/", {"creq": "x"})
    if name in _BY_NAME:
        return _BY_NAME[name]()
    for word, value in (("Mapping", {}), ("bytes", b"{}"), ("str", "good"), ("float", 1.0), ("int", 1)):
        if re.search(rf"\b{word}\b", annotation):
            return value
    return None
