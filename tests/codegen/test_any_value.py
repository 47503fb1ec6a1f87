"""Free-form JSON: maps and lists of anything, and members with any value. It is sent and read as it is."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async._core import validation
from checkout_async.models import payments, sessions
from tests.codegen.support import ITEM, ORDER, SCHEMAS, generate, import_generated, problems

ANY = "[array, boolean, integer, number, object, string, 'null']"
MEMBERS = f"""\
    extra: {{type: object, description: Anything., additionalProperties: true}}
    deep: {{type: object, description: Maps., additionalProperties: {{type: object, additionalProperties: {{}}}}}}
    rows: {{type: array, description: Lists., items: {{type: array, items: {{}}}}}}
    any: {{type: {ANY}, description: A value.}}
    hidden: {{type: {ANY}, description: A secret value., x-sensitive: secret}}
"""
COUNT = "    count: {type: integer, description: How many.}\n"
BOTH = SCHEMAS.replace(ITEM, f"{ITEM}{COUNT}{MEMBERS}").replace("    id:\n", f"{MEMBERS}    id:\n")
VALUE: Any = {
    "": None,
    "a.b[0]": [[], dict[str, Any](), [None, True, 1.0, -0.5, 2**63 - 1, "1", "naïve\u2028"]],
    "type": {"type": "card", "number": "1"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("any"), schemas=BOTH)


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return import_generated(folder, "models.shop", monkeypatch)


async def exchange(folder: Path, monkeypatch: pytest.MonkeyPatch, body: Any, reply: bytes) -> tuple[bytes, Any]:
    """Send a body to a real server that answers with some bytes; return the bytes it got, and what was read."""
    seen: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(body=reply, status=201, content_type="application/json")

    operations: Any = import_generated(folder, "operations.shop", monkeypatch)
    app = web.Application()
    app.router.add_post("/orders", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            order = await operations.request_order(client, body)
    return seen[0], order


@pytest.mark.parametrize("as_mapping", [True, False])
async def test_it_is_sent_and_read_as_it_is(
    folder: Path, models: Any, monkeypatch: pytest.MonkeyPatch, as_mapping: bool
) -> None:
    free = {"extra": VALUE, "deep": {"x": VALUE}, "rows": [[VALUE], []], "any": [VALUE], "hidden": "s3cret"}
    given = {"item": "tea", **free}
    body = given if as_mapping else models.OrderRequest(**given)
    reply = json.dumps({"id": "o1", **free}).encode()
    sent, order = await exchange(folder, monkeypatch, body, reply)
    assert json.loads(sent) == given
    assert repr(json.loads(sent)["extra"]) == repr(VALUE)  # 1.0 stays 1.0, and "1" a text
    for name, value in free.items():
        assert repr(getattr(order, name)) == repr(value)
    assert "s3cret" not in repr(order)
    assert "naïve" not in repr(order)


async def test_a_number_in_it_stays_when_another_member_is_corrected(
    folder: Path, models: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100.0 is a whole number where the API wants one. What nobody interprets stays 1.0."""
    body = {"item": "tea", "count": 100.0, "extra": {"ratio": 1.0}, "any": 2.0}
    sent, _ = await exchange(folder, monkeypatch, body, b'{"id": "o1"}')
    assert sent == b'{"item":"tea","count":100,"extra":{"ratio":1.0},"any":2.0}'


async def test_null_is_a_value_and_left_out_is_none(folder: Path, models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, order = await exchange(folder, monkeypatch, models.OrderRequest(item="tea", any=None), b'{"id": "o1"}')
    assert json.loads(sent) == {"item": "tea", "any": None}
    assert (order.any, order.extra) == (None, None)
    sent, _ = await exchange(folder, monkeypatch, models.OrderRequest(item="tea", extra=None), b'{"id": "o1"}')
    assert json.loads(sent) == {"item": "tea"}


@pytest.mark.parametrize(
    "value", [float("nan"), b"bytes", 2**70, {1, 2}.__iter__()], ids=["nan", "bytes", "int", "iter"]
)
async def test_what_json_cannot_hold_is_refused(models: Any, value: Any) -> None:
    with pytest.raises(errors.InvalidRequest):
        models.OrderRequest.from_dict({"item": "tea", "extra": {"x": [value]}})


def test_a_request_type_without_free_form_json_is_not_searched_for_bytes() -> None:
    for type_ in (payments.PaymentRequest, payments.PayoutRequest | payments.PaymentRequest, sessions.SessionRequest):
        assert not validation._may_be_free_form(type_)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("{description: D.}", "property 'item' has no type; that of any value is [array, boolean, integer, number,"),
        (
            f"{{type: {ANY}, description: D., maxLength: 3}}",
            "'maxLength' beside the type of any value is not supported",
        ),
        ("{type: object, description: D., additionalProperties: false}", "`true` or `{}` for any"),
        ("{type: [object, string], description: D.}", "property 'item' is an object without additionalProperties"),
    ],
)
def test_a_type_that_was_forgotten_is_no_free_form_json(tmp_path: Path, member: str, expected: str) -> None:
    found = problems(tmp_path, (ORDER, ITEM, f"    item: {member}\n"))
    assert expected in "\n".join(found)
