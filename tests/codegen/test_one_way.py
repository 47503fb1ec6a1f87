"""`readOnly` and `writeOnly`: what is sent lacks the members that only replies have, and the reverse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, SecretKey, errors
from codegen.compiler import compile_document
from codegen.diff import compare_versions
from codegen.revisions import read_version
from tests.codegen.support import ORDER, PATH, SHOP, generate, import_generated, problems, write_fragments

# An order is sent and received: `id` and `state` only received, `pin` only sent.
SCHEMAS = """\
Order:
  type: object
  description: An order.
  required: [id, item, pin]
  properties:
    id: {type: string, description: Its identifier., readOnly: true, x-identifier: true}
    item: {type: string, description: The goods.}
    pin: {type: string, description: Proof., writeOnly: true, x-sensitive: secret}
    state: {$ref: '#/State', description: Its state., readOnly: true}
    gift: {$ref: '#/Gift', description: A gift., writeOnly: true}
State:
  type: object
  description: A state.
  properties:
    since: {type: string, description: Since when., readOnly: true}
Gift:
  type: object
  description: A gift.
  properties:
    to: {type: string, description: For whom.}
"""
BODY = PATH.replace("#/OrderRequest", "#/Order")
ITEM = "{type: string, description: The goods.}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("one-way"), path=BODY, schemas=SCHEMAS)


def test_each_direction_has_its_own_members(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: Any = import_generated(folder, "models.shop", monkeypatch)
    fields = {name: getattr(models, name).__struct_fields__ for name in ("Order", "OrderResponse", "Gift")}
    assert fields == {"Order": ("item", "pin", "gift"), "OrderResponse": ("id", "item", "state"), "Gift": ("to",)}
    # What only one direction reaches has a class of that direction alone.
    assert not hasattr(models, "GiftResponse")
    assert models.State.__name__ == "State"
    assert issubclass(models.State, msgspec.Struct)
    required = [each.name for each in msgspec.structs.fields(models.Order) if each.required]
    assert required == ["item", "pin"]


def test_the_dict_and_the_strict_class_have_those_members_too(folder: Path) -> None:
    for kind, text in (("dicts", "class OrderDict(TypedDict):"), ("strict", "class Order(")):
        module = (folder / kind / "shop.py").read_text(encoding="utf-8")
        order = module.partition(text)[2].partition("\nclass ")[0]
        assert "pin: str" in order
        assert "id:" not in order
        assert "state" not in order


async def test_a_reply_with_a_member_that_is_only_sent_does_not_show_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.json_response({"id": "o1", "item": "tea", "pin": "1234", "state": {"since": "now"}}, status=201)

    models: Any = import_generated(folder, "models.shop", monkeypatch)
    operations: Any = import_generated(folder, "operations.shop", monkeypatch)
    app = web.Application()
    app.router.add_post("/orders", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            order = await operations.request_order(client, models.Order(item="tea", pin="1234"))
            with pytest.raises(errors.InvalidRequest, match="unknown field `state`"):
                await operations.request_order(client, {"item": "tea", "pin": "1234", "state": {}})
    assert seen == [{"item": "tea", "pin": "1234"}]
    assert (order.id, order.state.since) == ("o1", "now")
    assert "1234" not in repr(order)


EXAMPLE = """\
        schema: {{$ref: '../components/schemas/shop/order.yaml#/Order'}}
        examples:
          one: {{value: {}}}
"""


@pytest.mark.parametrize(
    ("value", "defect"),
    [
        ({"item": "tea", "pin": "1"}, None),
        ({"item": "tea", "pin": "1", "id": "o1"}, "/id: False schema does not allow"),
        ({"item": "tea"}, '/: "pin" is a required property'),
    ],
)
def test_an_example_of_a_body_has_what_is_sent(tmp_path: Path, value: Any, defect: str | None) -> None:
    schema = "        schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}\n"
    path = BODY.replace(schema, EXAMPLE.format(json.dumps(value)), 1)
    found = problems(tmp_path, of={**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": path})
    assert [each.partition("schema: ")[2][: len(defect or "")] for each in found] == ([defect] if defect else [])


def test_an_example_of_a_reply_has_what_is_received(tmp_path: Path) -> None:
    head, schema, tail = BODY.rpartition("          schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}\n")
    for value, count in (({"id": "o1", "item": "tea"}, 0), ({"id": "o1", "item": "tea", "pin": "1"}, 1)):
        example = f"{schema}          examples:\n            one: {{value: {json.dumps(value)}}}\n"
        path = head + example + tail
        fragments = {**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": path}
        assert len(problems(tmp_path / str(count), of=fragments)) == count


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (ITEM.replace("}", ", readOnly: true, writeOnly: true}"), "property 'item' is readOnly and writeOnly"),
        ("{type: string, description: D., readOnly: true, const: a}", "'const' beside readOnly is not supported"),
        (
            "{type: string, description: D., writeOnly: true, x-echoes: item}",
            "'x-echoes' beside writeOnly is not supported",
        ),
        (
            "{type: array, description: D., items: {type: string, readOnly: true}}",
            "'readOnly' is for a member, not for items",
        ),
        ("{type: string, description: D., readOnly: 'yes'}", "'readOnly' must be true or false"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path: Path, new: str, expected: str) -> None:
    found = problems(tmp_path, (ORDER, ITEM, new), of={**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": BODY})
    assert expected in found[0]


def test_a_reference_cannot_be_a_member_that_is_only_received(tmp_path: Path) -> None:
    path = BODY.replace("  x-idempotency: none\n", "  x-idempotency: none\n  x-reference: id\n")
    (found,) = problems(tmp_path, of={**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": path})
    assert found.endswith("the request body has no member 'id'")


def test_a_variant_of_a_union_has_them_too(tmp_path: Path) -> None:
    union = """\
Source:
  description: A source.
  oneOf: [{$ref: '#/Card'}, {$ref: '#/Bank'}]
  discriminator: {propertyName: type, mapping: {card: '#/Card', bank: '#/Bank'}}
Card:
  type: object
  description: A card.
  required: [type, number]
  properties:
    type: {type: string, description: The kind., const: card}
    number: {type: string, description: The number., writeOnly: true}
    last4: {type: string, description: The end., readOnly: true}
Bank:
  type: object
  description: A bank.
  required: [type]
  properties:
    type: {type: string, description: The kind., const: bank}
"""
    schemas = SCHEMAS.replace(f"item: {ITEM}", f"item: {ITEM}\n    source: {{$ref: '#/Source', description: S.}}")
    folder = generate(tmp_path, path=BODY, schemas=schemas + union)
    models = (folder / "models" / "shop.py").read_text(encoding="utf-8")
    card = models.partition("class Card(")[2].partition("\nclass ")[0]
    source = models.partition("class SourceResponse(")[2].partition("\nclass ")[0]
    assert ("number: str" in card, "last4" in card) == (True, False)
    assert ("number" in source, "last4" in source) == (False, True)


def test_diff_says_which_side_lost_the_member(tmp_path: Path) -> None:
    before = {**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": BODY}
    after = {**before, ORDER: SCHEMAS.replace(ITEM, ITEM.replace("}", ", writeOnly: true}"))}
    sides = [write_fragments(tmp_path / name, each) for name, each in (("old", before), ("new", after))]
    found = compare_versions(*(read_version(str(side), tmp_path) for side in sides))
    assert [each.subject for each in found] == ["BREAKING member-gone shop.OrderResponse.item"]


def test_a_document_with_them_is_bundled_as_others_read_it(tmp_path: Path) -> None:
    root = write_fragments(tmp_path, {**SHOP, ORDER: SCHEMAS, "paths/orders.yaml": BODY})
    properties = compile_document(root / "openapi").object("components").object("schemas").object("Order")
    assert properties.object("properties").object("pin")["writeOnly"] is True
