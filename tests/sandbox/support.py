"""Helpers of the sandbox tests: a caller that checks replies against the document, bodies, a merchant's endpoint."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any, Self, cast

import aiohttp
from aiohttp import web
from jsonschema_rs import Draft202012Validator

from checkout_async.sandbox import Sandbox, SandboxClock, card_number

Json = dict[str, Any]

CREDENTIALS = {"client_id": "ack_sandbox", "client_secret": "sandbox_secret"}
BROWSER: Json = {
    "channel": "browser",
    "accept_header": "text/html,application/xhtml+xml",
    "java_enabled": False,
    "javascript_enabled": True,
    "language": "en-GB",
    "color_depth": "24",
    "screen_height": "1080",
    "screen_width": "1920",
    "timezone": "-60",
    "user_agent": "Mozilla/5.0",
    "ip_address": "192.0.2.7",
}
BROWSER_WITH_METHOD: Json = BROWSER | {"three_ds_method_completion": "Y"}
APP: Json = {
    "channel": "app",
    "sdk_app_id": "dbd64fcb-c19a-4728-8849-e3d50bfdde39",
    "sdk_max_timeout": 5,
    "sdk_encrypted_data": "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn",
    "sdk_ephem_pub_key": {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8T", "y": "x_FEzRu9m36H"},
    "sdk_reference_number": "3DS_LOA_SDK_PPFU_020100_00007",
    "sdk_transaction_id": "b2385523-a66c-4907-ac3c-91848e8c0067",
    "sdk_interface_type": "both",
    "sdk_ui_elements": ["single_select", "html_other"],
}
MERCHANT: Json = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}
HOSTED: Json = {
    "type": "hosted",
    "success_url": "https://shop.example/ok",
    "failure_url": "https://shop.example/sorry",
}


def order(scenario: str = "frictionless", *, scheme: str = "visa", **changes: object) -> Any:
    """A non-hosted request for a scenario's card, without channel data."""
    source = {"type": "card", "number": card_number(scenario, scheme), "expiry_month": 1, "expiry_year": 2099}
    body: Json = {
        "source": source,
        "amount": 6540,
        "currency": "GBP",
        "completion": {"type": "non_hosted"},
        "reference": "ORD-5023-4E89",
    }
    return body | changes


@dataclass(frozen=True)
class Answer:
    """A reply of the sandbox."""

    status: int
    body: Json
    headers: Mapping[str, str]

    @property
    def links(self) -> dict[str, str]:
        """Link targets by relation."""
        return {name: link["href"] for name, link in self.body["_links"].items()}

    @property
    def entries(self) -> list[Json]:
        """The body, where that is an array."""
        return cast("list[Json]", self.body)

    @property
    def codes(self) -> list[str]:
        """The error codes."""
        return list(self.body["error_codes"])


class Api:
    """Calls the sandbox; every reply must be one that the API document describes for the operation.

    Without `limits`, lengths and patterns are not checked: replies repeat what a request has beyond them.
    """

    def __init__(self, sandbox: Sandbox, *, limits: bool = True) -> None:
        self.sandbox = sandbox
        self._limits = limits
        self._http = aiohttp.ClientSession()
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        """Send any request."""
        url = path if path.startswith("http") else self.sandbox.base_url + path
        async with self._http.request(method, url, **options) as reply:
            raw = await reply.read()
            body: Json = json.loads(raw) if reply.content_type == "application/json" and raw else {}
            answer = Answer(reply.status, body, reply.headers.copy())
        record = self.sandbox.requests[-1]
        if record.operation_id is not None:
            check_contract(record.operation_id, answer, raw, limits=self._limits)
        return answer

    async def token(self, scope: str = "sessions:app sessions:browser", **changes: str) -> Answer:
        """Ask for an access token with the credentials in the form."""
        form = {"grant_type": "client_credentials", "scope": scope} | CREDENTIALS | changes
        return await self.send("POST", self.sandbox.token_url, data=form)

    async def bearer(self, scope: str = "sessions:app sessions:browser") -> str:
        """An `Authorization` value with a token for the scopes, asked for once."""
        if scope not in self._tokens:
            self._tokens[scope] = f"Bearer {(await self.token(scope)).body['access_token']}"
        return self._tokens[scope]

    async def call(
        self, method: str, path: str, body: object = None, *, auth: str | None = None, **headers: str
    ) -> Answer:
        """Call an operation, by default with a token for both channels."""
        headers["Authorization"] = await self.bearer() if auth is None else auth
        return await self.send(method, path, json=body, headers=headers)

    async def create(self, body: Json | None = None, *, auth: str | None = None, **changes: object) -> Answer:
        """Call `request_session`."""
        return await self.call("POST", "/sessions", (body or order()) | changes, auth=auth)

    async def get(self, session_id: str, *, auth: str | None = None, **headers: str) -> Answer:
        """Call `get_session`."""
        return await self.call("GET", f"/sessions/{session_id}", auth=auth, **headers)

    async def collect(self, session_id: str, data: Json = BROWSER, *, auth: str | None = None) -> Answer:
        """Call `update_session`."""
        return await self.call("PUT", f"/sessions/{session_id}/collect-data", data, auth=auth)

    async def fingerprint(self, session_id: str, completion: str = "Y", *, auth: str | None = None) -> Answer:
        """Call `update_three_ds_method_completion`."""
        body = {"three_ds_method_completion": completion}
        return await self.call("PUT", f"/sessions/{session_id}/issuer-fingerprint", body, auth=auth)

    async def complete(self, session_id: str, *, auth: str | None = None) -> Answer:
        """Call `complete_session`."""
        return await self.call("POST", f"/sessions/{session_id}/complete", auth=auth)

    async def finished(self, scenario: str = "frictionless", **changes: object) -> Answer:
        """Create a session that is final at once, or challenged."""
        return await self.create(order(scenario) | {"channel_data": BROWSER_WITH_METHOD} | changes)


class Merchant:
    """A merchant's callback endpoint that answers with `status` and records the requests."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[Json] = []
        self.headers: list[Mapping[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/callback", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/callback"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        self.headers.append(request.headers.copy())
        self.arrived.set()
        await self.gate.wait()
        location = {"Location": self.url} if 300 <= self.status < 400 else None
        return web.Response(status=self.status, headers=location)


@cache
def document() -> Json:
    """The bundled API document."""
    bundle: Json = json.loads(files("checkout_async").joinpath("_generated", "openapi.json").read_bytes())
    return bundle


def check_contract(operation_id: str, answer: Answer, raw: bytes, *, limits: bool = True) -> None:
    """Check a reply against the document: a described status, a valid body, no member that is not described."""
    assert answer.headers["Cko-Request-Id"]
    assert answer.headers["Cko-Version"] == document()["info"]["version"]
    responses = _responses(operation_id)
    if answer.status in {403, 422}:  # not described for every operation; docs/sandbox.md says when it happens
        responses.setdefault(str(answer.status), {"$ref": "#/components/schemas/ErrorResponse"})
    schema = responses[str(answer.status)]
    if schema is None:
        assert not raw or answer.status == 406
    elif answer.status == 404 and "Payments" in operation_tags(operation_id):
        assert not raw  # the document says that it often is without a body
    else:
        check_body(schema, answer.body, any_case=operation_id == "search_payments", limits=limits)


def check_schema(name: str, body: Json) -> None:
    """Check a body against a schema of the document, closed for members that are not described."""
    check_body({"$ref": f"#/components/schemas/{name}"}, body)


def check_body(schema: Json, body: object, *, any_case: bool = False, limits: bool = True) -> None:
    """Check a body against a schema, closed for members that are not described and open for union tags that are not.

    The search index writes enum values in lower case: `any_case` allows it. `limits` are lengths and patterns.
    """
    validator = _validator(json.dumps(schema), any_case, limits)
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(body)] == []


def decoded(text: str) -> Json:
    """Decode JSON in base64url without padding."""
    assert "=" not in text
    message: Json = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return message


def frozen_clock() -> SandboxClock:
    """A clock that stands still until it is advanced."""
    return SandboxClock(frozen=True)


@cache
def operation_tags(operation_id: str) -> list[str]:
    """Return the tags of an operation."""
    return next(node["tags"] for node in _operations() if node["operationId"] == operation_id)


def _operations() -> list[Json]:
    items = cast("list[Json]", list(document()["paths"].values()))
    return [item[method] for item in items for method in ("get", "put", "post") if method in item]


def _responses(operation_id: str) -> dict[str, Json | None]:
    """Status -> the body's schema, or None."""
    for node in _operations():
        if node["operationId"] == operation_id:
            return {status: _schema_of(response) for status, response in node["responses"].items()}
    raise LookupError(operation_id)


def _schema_of(response: Json) -> Json | None:
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {}).get("application/json")
    return None if content is None else content["schema"]


@cache
def _validator(schema: str, any_case: bool, limits: bool) -> Draft202012Validator:
    left_out = frozenset[str]() if limits else frozenset({"minLength", "maxLength", "pattern"})
    schemas = {name: _closed(schema, left_out) for name, schema in document()["components"]["schemas"].items()}
    for enum in [schema["enum"] for schema in schemas.values() if any_case and "enum" in schema]:
        enum.extend([value.lower() for value in enum if value != value.lower()])
    return Draft202012Validator({**json.loads(schema), "components": {"schemas": schemas}}, validate_formats=True)


def _closed(node: object, left_out: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_closed(item, left_out) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("Json", node)
    if "oneOf" in members and "discriminator" in members:
        return _by_tag(members["discriminator"])
    copy = {key: _closed(value, left_out) for key, value in members.items() if key not in left_out}
    if members.get("type") == "object" and "properties" in members:
        copy.setdefault("additionalProperties", False)
    return copy


def _by_tag(discriminator: Json) -> Json:
    tag = discriminator["propertyName"]
    branches = [
        {"if": {"properties": {tag: {"const": value}}}, "then": {"$ref": target}}
        for value, target in discriminator["mapping"].items()
    ]
    return {"type": "object", "required": [tag], "allOf": branches}
