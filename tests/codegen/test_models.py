"""What the generated Structs and enums do: built, encoded, decoded, refused, printed."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from checkout_async._core.codec import decode
from codegen.write import GENERATED
from tests.codegen.support import GOLDEN, generate, import_generated


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the models of the golden shop."""
    folder = GOLDEN / "shop" / GENERATED
    import_generated(folder, "models.common", monkeypatch)
    return import_generated(folder, "models.shop", monkeypatch)


@pytest.fixture
def strict(shop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the strict request types of the golden shop."""
    folder = GOLDEN / "shop" / GENERATED
    import_generated(folder, "strict.common", monkeypatch)
    return import_generated(folder, "strict.shop", monkeypatch)


def test_a_request_is_encoded_under_the_names_of_the_api_without_what_was_left_out(shop: ModuleType) -> None:
    order = shop.OrderRequest(items=["1"], payment=shop.CardPayment(number="4242424242424242", three_ds=True))
    assert msgspec.json.decode(msgspec.json.encode(order)) == {
        "items": ["1"],
        "payment": {"type": "card", "number": "4242424242424242", "3ds": True},
    }


def test_a_variant_carries_its_discriminator_without_being_set(shop: ModuleType) -> None:
    encoded = msgspec.json.encode(shop.CashPayment())
    assert encoded == b'{"type":"cash"}'
    assert msgspec.json.decode(encoded, type=shop.Payment) == shop.CashPayment()


def test_a_request_distinguishes_null_from_absent(shop: ModuleType) -> None:
    payment = shop.CashPayment()
    assert b"note" not in msgspec.json.encode(shop.OrderRequest(items=[], payment=payment))
    assert b'"note":null' in msgspec.json.encode(shop.OrderRequest(items=[], payment=payment, note=None))


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"items": ["1"] * 6}, "items"),
        ({"items": ["x"]}, "items[0]"),
        ({"items": ["1\n"]}, "items[0]"),
        ({"items": ["٣"]}, "items[0]"),
        ({"note": "x" * 21}, "note"),
        ({"tip": {"amount": -1}}, "tip.amount"),
        ({"payment": {"type": "card", "number": "4242"}}, "payment.number"),
        ({"payment": {"type": "bitcoin"}}, "payment.type"),
        ({"payment": {"type": "cash", "3d": True}}, "payment"),
        ({"delivery": "tomorrow"}, "delivery"),
        ({"labels": {"a": 1}}, "labels[...]"),
    ],
)
def test_a_value_outside_a_documented_limit_is_refused_by_the_strict_types(
    strict: ModuleType, members: dict[str, object], where: str
) -> None:
    body: dict[str, object] = {"items": [], "payment": {"type": "cash"}, **members}
    with pytest.raises(msgspec.ValidationError, match=re.escape(f"$.{where}`")):
        msgspec.convert(body, strict.OrderRequest)


def test_strict_types_have_the_members_of_the_others(shop: ModuleType, strict: ModuleType) -> None:
    assert {"OrderRequest", "CardPayment"} <= set(strict.__all__)
    for name in set(strict.__all__) - {"Payment"}:
        assert getattr(strict, name).__struct_encode_fields__ == getattr(shop, name).__struct_encode_fields__


def test_a_value_within_the_limits_is_accepted(shop: ModuleType) -> None:
    order = shop.OrderRequest(
        items=["12345"],
        payment=shop.CardPayment(number="4242424242424242"),
        tip=shop.Money(amount=5),
        delivery=datetime.date(2026, 11, 21),
        labels={"a": "b"},
        speed=shop.Speed.DAY,
    )
    assert msgspec.json.decode(msgspec.json.encode(order), type=shop.OrderRequest) == order


def test_required_members_must_be_given(shop: ModuleType) -> None:
    with pytest.raises(TypeError, match="payment"):
        shop.OrderRequest(items=[])


def test_defaults_of_the_server_are_not_sent(shop: ModuleType) -> None:
    order = shop.OrderRequest(items=[], payment=shop.CashPayment())
    assert order.speed is None
    assert msgspec.json.decode(msgspec.json.encode(order)).keys() == {"items", "payment"}


def test_a_reply_needs_nothing_but_its_identifier(shop: ModuleType) -> None:
    order = msgspec.json.decode(b'{"id": "?"}', type=shop.Order)
    assert (order.id, order.state, order.total, order.links) == ("?", None, None, None)
    with pytest.raises(msgspec.ValidationError, match="id"):
        msgspec.json.decode(b"{}", type=shop.Order)


def test_a_reply_may_contain_null_and_unknown_members(shop: ModuleType) -> None:
    order = msgspec.json.decode(b'{"id": "o", "note": null, "state": null, "new": [1]}', type=shop.Order)
    assert order == shop.Order(id="o")


def test_limits_do_not_apply_to_replies(shop: ModuleType) -> None:
    order = msgspec.json.decode(b'{"id": "not ord_", "total": {"amount": -1}}', type=shop.Order)
    assert order.total.amount == -1


def test_a_reply_cannot_be_changed(shop: ModuleType) -> None:
    order = shop.Order(id="o")
    with pytest.raises(AttributeError):
        order.id = "p"


def test_a_type_used_both_ways_has_a_strict_and_a_lenient_class(shop: ModuleType) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"amount": 1, "new": 2}, shop.Money)
    assert msgspec.convert({"new": 2}, shop.MoneyResponse) == shop.MoneyResponse()


def test_a_union_in_a_reply_is_one_type_with_the_members_of_all_variants(shop: ModuleType) -> None:
    body = b'{"id": "o", "payment": {"type": "cash", "change_for": {"amount": 5}, "3ds": false}}'
    payment = msgspec.json.decode(body, type=shop.Order).payment
    assert (payment.type, payment.change_for.amount, payment.three_ds, payment.number) == ("cash", 5, False, None)


def test_an_unknown_variant_is_decoded_in_a_reply(shop: ModuleType) -> None:
    payment = msgspec.json.decode(b'{"type": "bitcoin", "wallet": "w"}', type=shop.PaymentResponse)
    assert payment.type == "bitcoin"


def test_enums_are_open_and_names_are_taken_from_the_specification(shop: ModuleType) -> None:
    assert [(member.name, member.value) for member in shop.Speed] == [
        ("NORMAL", "normal"),
        ("DAY", "24h"),
        ("SAME_DAY", "SAME DAY"),
    ]
    order = msgspec.json.decode(b'{"id": "o", "state": "lost"}', type=shop.Order)
    assert order == shop.Order(id="o", state=shop.State("lost"))
    assert [member.value for member in shop.State] == ["placed", "shipped"]
    assert msgspec.json.encode(order) == b'{"id":"o","state":"lost"}'


def test_times_are_read_as_times(shop: ModuleType) -> None:
    order = msgspec.json.decode(b'{"id": "o", "placed_on": "2026-11-21T01:02:03Z"}', type=shop.Order)
    assert order.placed_on == datetime.datetime(2026, 11, 21, 1, 2, 3, tzinfo=datetime.UTC)


def test_sensitive_members_are_masked_in_both_directions(shop: ModuleType) -> None:
    sent = repr(shop.CardPayment(number="4242424242424242", holder="Ada Lovelace"))
    received = repr(shop.Order(id="ord_1", secret="s3cret", payment=shop.PaymentResponse(number="4242424242424242")))
    assert "4242424242424242" not in sent + received
    assert "Ada" not in sent
    assert "s3cret" not in received
    assert "ord_1" in received


def test_classes_fields_and_values_are_documented_from_the_specification(shop: ModuleType) -> None:
    assert shop.OrderRequest.__doc__ == "What to order, and how it is paid."
    source = (GOLDEN / "shop" / GENERATED / "models" / "shop.py").read_text()
    assert (
        '    speed: SpeedLike | UnsetType | None = None\n    """How soon. Default on the server: `normal`."""\n'
        in source
    )
    assert '    DAY = "24h"\n    """Within a day."""\n' in source


def test_the_public_names_are_all_there_with_those_shared_by_several_apis(shop: ModuleType) -> None:
    defined = {name for name, value in vars(shop).items() if getattr(value, "__module__", "") == shop.__name__}
    assert set(shop.__all__) == defined | {"Payment", "Money", "MoneyResponse"}
    assert all(hasattr(shop, name) for name in shop.__all__)


@pytest.mark.costly
def test_a_field_may_be_called_like_a_type_or_a_function_of_the_module(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = """\
OrderRequest:
  type: object
  description: What to order.
  required: [date, field]
  properties:
    date: {type: string, format: date, description: The day.}
    field: {type: string, description: A field.}
    _links: {type: string, description: Links.}
    str: {type: string, description: Text.}
    list: {type: array, description: Texts., items: {type: string}}
    datetime: {type: string, format: date-time, description: The moment.}
    later: {type: string, format: date, description: Another day.}
Order:
  type: object
  description: An order.
  properties:
    field: {type: string, description: A field.}
    _links: {type: string, description: Links.}
    type: {type: string, description: Its type.}
"""
    folder = generate(tmp_path_factory.mktemp("names"), schemas=schemas)
    shop = import_generated(folder, "models.shop", monkeypatch)
    body = {"date": "2026-11-21", "field": "f", "_links": "l", "str": "s", "list": ["x"], "later": "2026-11-22"}
    order = msgspec.convert(body, shop.OrderRequest)
    assert (order.date, order.later) == (datetime.date(2026, 11, 21), datetime.date(2026, 11, 22))
    assert msgspec.to_builtins(order) == body
    assert msgspec.convert({"_links": "l"}, shop.Order) == shop.Order(links="l")


@pytest.mark.costly
def test_limits_of_items_are_kept_at_any_depth_and_with_any_class_names(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = """\
OrderRequest:
  type: object
  description: What to order.
  properties:
    items: {type: array, description: Texts., items: {type: string, maxLength: 2}}
    item: {$ref: '#/Item', description: An item.}
    rows: {type: array, description: Rows., items: {type: array, maxItems: 1, items: {type: integer, minimum: 0}}}
    labels: {type: object, description: Labels., additionalProperties: {type: string, minLength: 1}}
Item:
  type: object
  description: An item.
  properties:
    items: {type: array, description: Texts., items: {type: string, maxLength: 3}}
Order:
  type: object
  description: An order.
  properties:
    rows: {type: array, description: Rows., items: {type: array, maxItems: 1, items: {type: integer, minimum: 0}}}
"""
    folder = generate(tmp_path_factory.mktemp("items"), schemas=schemas)
    shop = import_generated(folder, "models.shop", monkeypatch)
    strict = import_generated(folder, "strict.shop", monkeypatch)
    assert strict.__all__ == ["Item", "OrderRequest"]
    body = {"items": ["ab"], "item": {"items": ["abc"]}, "rows": [[0], []], "labels": {"a": "b"}}
    assert msgspec.to_builtins(msgspec.convert(body, strict.OrderRequest)) == body
    for wrong in ({"items": ["abc"]}, {"rows": [[-1]]}, {"rows": [[1, 1]]}, {"labels": {"a": ""}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, strict.OrderRequest)
        assert msgspec.convert(wrong, shop.OrderRequest)
    assert msgspec.convert({"rows": [[-1, -1]]}, shop.Order).rows == [[-1, -1]]


RECEIVED = """\
OrderRequest:
  type: object
  description: What to order.
  properties:
    item: {type: string, description: The goods.}
Order:
  type: object
  description: An order.
  properties:
    payment: {$ref: '#/Payment', description: How it was paid.}
    data: {type: object, description: Anything., additionalProperties: {}}
    paid: {type: [boolean, string], description: Whether it was paid.}
    placed_on: {type: string, format: date-time, description: When.}
    colour: {$ref: '#/Colour', description: A colour.}
Colour:
  type: string
  description: A colour.
  enum: [red, dark blue]
  x-enum-aliases: {Navy: dark blue}
Payment:
  description: How an order was paid.
  oneOf: [{$ref: '#/Card'}, {$ref: '#/Cash'}]
  discriminator: {propertyName: type, mapping: {card: '#/Card', cash: '#/Cash'}}
Card:
  type: object
  description: By card.
  required: [type]
  properties:
    type: {type: string, const: card, description: T.}
    member: {FIRST, description: M.}
Cash:
  type: object
  description: In cash.
  required: [type]
  properties:
    type: {type: string, const: cash, description: T.}
    member: {SECOND, description: M.}
Name:
  type: object
  description: A name.
  properties:
    full: {type: string, description: Full.}
    colour: {$ref: '#/Colour', description: C.}
"""


def received(folder: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str) -> ModuleType:
    """Return the models of a shop whose payments have a member of these types."""
    schemas = RECEIVED.replace("FIRST", first).replace("SECOND", second)
    if "#/Name" not in first + second:
        schemas = schemas.partition("\nName:")[0] + "\n"
    return import_generated(generate(folder, schemas=schemas), "models.shop", monkeypatch)


@pytest.mark.costly
@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        ("type: integer", "type: string", [5, "05", "five"]),
        ("type: string", "type: integer", [5, "05"]),
        ("type: boolean", "type: string", [True, "true"]),
        ("type: integer", "type: number", [5, 5.5]),
        ("$ref: '#/Colour'", "type: string", ["red", "Infra-Red", "RED"]),
        ("type: string, format: date-time", "type: string", ["2026-11-21T00:00:00", "soon"]),
        ("$ref: '#/Name'", "type: string", [{"full": "Jo Doe"}, "Jo Doe"]),
        ("type: string", "$ref: '#/Name'", [{"full": "Jo Doe"}, "N/A"]),
        ("type: array, items: {type: integer}", "type: string", [[1, 2], "1"]),
        ("type: object, additionalProperties: {type: string}", "type: boolean", [{"a": "b"}, True]),
        ("type: [integer, string]", "type: string", ["05", 5]),
        ("type: [integer, string]", "type: integer", [5]),
    ],
)
def test_a_merged_member_reads_every_value_of_its_variants_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, values: list[object]
) -> None:
    shop = received(tmp_path, monkeypatch, first, second)
    for value in values:
        payment, ignored = decode(shop.Payment, encode(value))
        assert ignored == ()
        assert msgspec.to_builtins(payment.member) == value


def encode(value: object) -> bytes:
    return msgspec.json.encode({"type": "card", "member": value})


@pytest.mark.costly
def test_what_is_received_may_be_anything_a_boolean_as_text_or_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = received(tmp_path, monkeypatch, "type: string", "type: string")
    body = {"data": {"a": [1, None, {"b": 2.5}]}, "paid": "True", "colour": "NAVY", "placed_on": "2026-11-21T01:02:03"}
    order, ignored = decode(shop.Order, msgspec.json.encode(body))
    assert ignored == ()
    assert order.data == body["data"]
    assert order.paid is True
    assert order.colour is shop.Colour.DARK_BLUE
    assert order.placed_on == datetime.datetime(2026, 11, 21, 1, 2, 3, tzinfo=datetime.UTC)
