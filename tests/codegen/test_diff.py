"""`python -m codegen diff`: every kind of change, with its class, its side, and what it means for a caller."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from codegen.contract import ACCEPTED, Contract
from codegen.diff import ChangeClass, compare, exit_code, render
from codegen.diff.kinds import DOCUMENTATION, KINDS

SENT, RECEIVED = "shop.OrderRequest", "shop.Order"
POST, GET = "shop.request_order", "shop.list_orders"
BASE: Contract = {
    "servers": {"api": {"live": "https://shop.example"}, "tokenUrl": {"oauth": "https://shop.example/token"}},
    "facts": {
        "names": {"REQUEST_ID_HEADER": "Shop-Id"},
        "visible": {"Shop-Id": "shown"},
        "amounts": {"KWD": "3 decimals, in steps of 10", "other": "2 decimals"},
    },
    "operations": {
        "shop": {
            "request_order": {
                "line": "POST /orders/{id}",
                "signature": "(order: str, body: OrderRequest, *, note: str | None = None) -> Order",
                "statuses": {"201": "Order", "422": "Problem"},
                "repetition": "key",
                "scopes": ["shop"],
                "session_secret": False,
                "secret_key": True,
                "parameters": {
                    "id": {"in": "path", "name": "order", "limits": {"max_length": 9}, "enforced": ["max_length"]},
                    "note": {"in": "query", "name": "note", "limits": {"max_length": 9}},
                },
                "body": "JSON OrderRequest",
                "alternatives": {"OrderRequest": ["item"]},
                "key": "Key",
                "key_lifetime": 60,
                "reference": "reference",
            },
            "list_orders": {
                "line": "GET /orders",
                "signature": "(first: str, second: str, third: int) -> Page",
                "statuses": {"200": "Page"},
                "repetition": "safe",
                "scopes": [],
                "session_secret": False,
                "secret_key": True,
                "parameters": {},
                "paging": {"iterator": "iterate_orders() -> Order", "style": "skip", "total": "total"},
            },
        }
    },
    "types": {
        "shop": {
            "Order": {
                "kind": "received",
                "members": {
                    "id": "str",
                    "price": "int | None = None",
                    "mark": "str | int | None = None",
                    "paid_at": "datetime | None = None",
                    "state": "State | None = None",
                    "_old": "str | None = None, in the API old",
                },
                "masks": {"mark": "personal", "_old": "personal"},
                "echoes": {"price": "price"},
                "former_names": {"status": "state"},
            },
            "OrderRequest": {
                "kind": "sent",
                "tag": "type=order",
                "members": {
                    "item": "str",
                    "count": "Annotated[int, Meta(ge=1)] | UnsetType | None = None",
                    "colour": "str | UnsetType | None = None, in the API color",
                    "choice": "Choice | UnsetType | None = None",
                    "shelf": "str | None | UnsetType = UNSET",
                },
            },
            "State": {"kind": "enum", "values": {"NEW": "new", "OLD": "old"}, "aliases": {"fresh": "new"}},
            "Choice": {"kind": "union", "members": ["Gift", "Sale"]},
            "Gift": {"kind": "sent", "members": {"giver": "str"}},
            "Sale": {"kind": "sent", "members": {"price": "int"}},
        }
    },
    "strict": {"shop": {"OrderRequest": {"colour": "Annotated[str, Meta(max_length=9)] | UnsetType | None = None"}}},
}
GONE = object()
Change = tuple[str, object]


def operation(name: str, *path: str) -> str:
    return "/".join(["operations", "shop", name, *path])


def type_(name: str, *path: str) -> str:
    return "/".join(["types", "shop", name, *path])


FLAT = {"kind": "sent", "members": {"name": "str"}}
# For each kind: the changes of the contract, the place of the finding, and its text.
ROWS: list[tuple[str, list[Change], str, str]] = [
    ("operation-gone", [(operation("list_orders"), GONE)], GET, "is gone"),
    (
        "operation-renamed",
        [(operation("list_orders"), GONE), (operation("get_orders"), BASE["operations"]["shop"]["list_orders"])],
        GET,
        "is gone; probably it is `shop.get_orders` now",
    ),
    (
        "operation-new",
        [(operation("ship"), {**BASE["operations"]["shop"]["list_orders"], "line": "POST /x"})],
        "shop.ship",
        "is new",
    ),
    (
        "http-line",
        [(operation("request_order", "line"), "PUT /orders/{id}")],
        POST,
        "is sent as `PUT /orders/{id}` instead of `POST /orders/{id}`",
    ),
    (
        "server",
        [("servers/api/live", "https://test.example")],
        "servers.api.live",
        "is https://test.example instead of https://shop.example",
    ),
    (
        "read-name",
        [("facts/names/REQUEST_ID_HEADER", "Order-Id")],
        "facts.REQUEST_ID_HEADER",
        "is read from Order-Id instead of Shop-Id",
    ),
    (
        "visible-header",
        [("facts/visible/Shop-Id", GONE)],
        "facts.Shop-Id",
        "is hidden in logs, reprs and traces instead of shown",
    ),
    (
        "amount",
        [("facts/amounts/JPY", "0 decimals")],
        "facts.JPY",
        "is counted with 0 decimals instead of 2 decimals",
    ),
    ("server-gone", [("servers/api/live", GONE)], "servers.api.live", "is gone; it was https://shop.example"),
    ("server-new", [("servers/api/test", "https://b.example")], "servers.api.test", "is new: https://b.example"),
    (
        "retry-class",
        [(operation("request_order", "repetition"), "none")],
        POST,
        "is repeated by the rule `none` instead of `key`",
    ),
    (
        "idempotency-header",
        [(operation("request_order", "key"), "Other")],
        POST,
        "sends its idempotency key in Other instead of Key",
    ),
    (
        "key-lifetime",
        [(operation("request_order", "key_lifetime"), 30)],
        POST,
        "may be repeated with its key for 30 seconds instead of 60",
    ),
    (
        "reference",
        [(operation("request_order", "reference"), GONE)],
        POST,
        "is looked up by none instead of reference",
    ),
    (
        "scopes",
        [(operation("request_order", "scopes"), ["shop", "shop:write"])],
        POST,
        "accepts tokens with one of the scopes shop, shop:write instead of shop",
    ),
    (
        "session-secret",
        [(operation("request_order", "session_secret"), True)],
        POST,
        "accepts a session secret: yes instead of no",
    ),
    (
        "secret-key",
        [(operation("request_order", "secret_key"), False)],
        POST,
        "accepts a secret key: no instead of yes",
    ),
    (
        "success-status",
        [(operation("request_order", "statuses", "202"), "None")],
        POST,
        "takes the status 202 as a reply without a body instead of an error",
    ),
    (
        "error-status",
        [(operation("request_order", "statuses", "404"), "Problem")],
        POST,
        "documents the status 404 as Problem instead of nothing",
    ),
    (
        "body-format",
        [(operation("request_order", "body"), "FORM OrderRequest")],
        POST,
        "sends its body as FORM instead of JSON",
    ),
    (
        "body-recognition",
        [(operation("request_order", "alternatives", "OrderRequest"), ["sku"])],
        POST,
        "recognises a body by OrderRequest (sku) instead of OrderRequest (item)",
    ),
    (
        "result",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: int) -> Page | None")],
        GET,
        "returns `Page | None` instead of `Page`",
    ),
    (
        "argument-gone",
        [(operation("list_orders", "signature"), "(first: str, second: str) -> Page")],
        GET,
        "has no argument `third` any more",
    ),
    (
        "argument-renamed",
        [(operation("list_orders", "signature"), "(first: str, second: str, last: int) -> Page")],
        GET,
        "has no argument `third` any more; probably it is `last` now",
    ),
    (
        "argument-required",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: int, last: int) -> Page")],
        GET,
        "needs the argument `last`",
    ),
    (
        "argument-new",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: int, *, a: int = None) -> Page")],
        GET,
        "takes the argument `a`",
    ),
    (
        "argument-optional",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: int | None = None) -> Page")],
        GET,
        "no longer needs the argument `third`",
    ),
    (
        "argument-keyword",
        [(operation("list_orders", "signature"), "(first: str, second: str, *, third: int | None = None) -> Page")],
        GET,
        "takes the argument `third` by keyword only, and no longer needs it",
    ),
    (
        "argument-wider",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: int | str) -> Page")],
        GET,
        "takes `third` as `int | str` instead of `int`",
    ),
    (
        "argument-type",
        [(operation("list_orders", "signature"), "(first: str, second: str, third: date) -> Page")],
        GET,
        "takes `third` as `date` instead of `int`",
    ),
    (
        "argument-order",
        [(operation("list_orders", "signature"), "(second: str, first: str, third: int) -> Page")],
        GET,
        "takes its arguments in the order second, first, third instead of first, second, third",
    ),
    (
        "argument-places",
        [(operation("list_orders", "signature"), "(first: str, third: int, second: str) -> Page")],
        GET,
        "takes its arguments in the order first, third, second instead of first, second, third",
    ),
    (
        "parameter-sent",
        [(operation("request_order", "parameters", "note", "in"), "header")],
        f"{POST}.note",
        "is sent as header `note` instead of query `note`",
    ),
    (
        "parameter-enforced",
        [(operation("request_order", "parameters", "id", "limits", "max_length"), 8)],
        f"{POST}.order",
        "is checked by max_length (8) instead of max_length (9)",
    ),
    (
        "parameter-documented",
        [(operation("request_order", "parameters", "note", "limits", "max_length"), 8)],
        f"{POST}.note",
        "is checked at the level `strict` by max_length (8) instead of max_length (9)",
    ),
    (
        "paging-gone",
        [(operation("list_orders", "paging"), GONE)],
        GET,
        "has no pages any more: `iterate_orders() -> Order` is gone",
    ),
    (
        "paging-new",
        [(operation("request_order", "paging"), {"iterator": "iterate() -> Order"})],
        POST,
        "has pages: `iterate() -> Order`",
    ),
    (
        "paging-rule",
        [(operation("list_orders", "paging", "total"), "all")],
        GET,
        "reads its pages by style (skip), total (all) instead of style (skip), total (total)",
    ),
    (
        "iterator",
        [(operation("list_orders", "paging", "iterator"), "each_order() -> Order")],
        GET,
        "is iterated by `each_order() -> Order` instead of `iterate_orders() -> Order`",
    ),
    ("type-gone", [(type_("Unused"), GONE)], "shop.Unused", "is gone"),
    (
        "type-renamed",
        [
            (type_("Gift"), GONE),
            (type_("Present"), {"kind": "sent", "members": {"giver": "str"}}),
            (type_("Choice", "members"), ["Present", "Sale"]),
        ],
        "shop.Gift",
        "is gone; probably it is `Present` now",
    ),
    (
        "type-moved",
        [(type_("Gift"), GONE), ("types/common", {"Gift": BASE["types"]["shop"]["Gift"]})],
        "shop.Gift",
        "is in `models.common` instead of `models.shop`",
    ),
    ("type-new", [(type_("Extra"), FLAT)], "shop.Extra", "is new"),
    (
        "type-kind",
        [(type_("Gift"), {"kind": "enum", "values": {"A": "a"}})],
        "shop.Gift",
        "is a type enum instead of sent",
    ),
    ("union-wider", [(type_("Choice", "members"), ["Gift", "Sale", "Loan"])], "shop.Choice", "may be `Loan`, too"),
    ("union-narrower", [(type_("Choice", "members"), ["Gift"])], "shop.Choice", "may not be `Sale` any more"),
    (
        "tag",
        [(type_("OrderRequest", "tag"), "kind=order")],
        SENT,
        "is recognised by kind=order instead of type=order",
    ),
    ("value-gone", [(type_("State", "values", "OLD"), GONE)], "shop.State.OLD", "is gone"),
    (
        "value-renamed",
        [(type_("State", "values"), {"NEW": "new", "USED": "old"})],
        "shop.State.OLD",
        "is called `USED` now",
    ),
    ("value-new", [(type_("State", "values", "LOST"), "lost")], "shop.State.LOST", "is new"),
    (
        "value-text",
        [(type_("State", "values", "OLD"), "aged")],
        "shop.State.OLD",
        "is `aged` in the API instead of `old`",
    ),
    (
        "value-aliases",
        [(type_("State", "aliases"), GONE)],
        "shop.State",
        "reads none as other spellings instead of fresh (new)",
    ),
    ("member-gone", [(type_("Order", "members", "price"), GONE)], f"{RECEIVED}.price", "is gone"),
    (
        "member-renamed",
        [
            (type_("OrderRequest", "members", "colour"), GONE),
            (type_("OrderRequest", "members", "color"), "str | UnsetType | None = None"),
        ],
        f"{SENT}.colour",
        "is gone; probably it is `color` now",
    ),
    (
        "member-former-name",
        [
            (type_("OrderRequest", "members", "colour"), GONE),
            (type_("OrderRequest", "members", "shade"), "str | UnsetType | None = None"),
            (type_("OrderRequest", "former_names"), {"colour": "shade"}),
            (type_("OrderRequest", "former_keys"), {"color": "shade"}),
        ],
        f"{SENT}.colour",
        "is called `shade` now; the old name works until the next release, with a warning",
    ),
    (
        "former-name-gone",
        [(type_("Order", "former_names"), GONE)],
        f"{RECEIVED}.state",
        "has no other name any more; `status` was one for a release",
    ),
    (
        "member-deprecated",
        [
            (type_("Order", "members", "mark"), GONE),
            (type_("Order", "members", "_mark"), "str | int | None = None, in the API mark"),
            (type_("Order", "masks"), {"_mark": "personal", "_old": "personal"}),
        ],
        f"{RECEIVED}.mark",
        "is a deprecated property now: it is read as before, with a warning, but is no argument of the class any more",
    ),
    (
        "member-undeprecated",
        [
            (type_("Order", "members", "_old"), GONE),
            (type_("Order", "members", "old"), "str | None = None"),
            (type_("Order", "masks"), {"mark": "personal", "old": "personal"}),
        ],
        f"{RECEIVED}.old",
        "is no longer deprecated, and an argument of the class",
    ),
    ("member-required-new", [(type_("OrderRequest", "members", "sku"), "str")], f"{SENT}.sku", "is new and required"),
    ("member-new", [(type_("Order", "members", "sku"), "str | None = None")], f"{RECEIVED}.sku", "is new"),
    (
        "member-required",
        [(type_("OrderRequest", "members", "choice"), "Choice")],
        f"{SENT}.choice",
        "is required now",
    ),
    (
        "member-optional",
        [(type_("OrderRequest", "members", "item"), "str | UnsetType | None = None")],
        f"{SENT}.item",
        "is optional now",
    ),
    (
        "member-wider",
        [(type_("OrderRequest", "members", "item"), "str | int")],
        f"{SENT}.item",
        "takes `str | int` instead of `str`",
    ),
    (
        "member-type",
        [(type_("OrderRequest", "members", "item"), "int")],
        f"{SENT}.item",
        "takes `int` instead of `str`",
    ),
    (
        "member-null",
        [(type_("OrderRequest", "members", "choice"), "Choice | None | UnsetType = UNSET")],
        f"{SENT}.choice",
        "given as None is sent as null instead of left out",
    ),
    (
        "reply-wider",
        [(type_("Order", "members", "mark"), "str | int | bool | None = None")],
        f"{RECEIVED}.mark",
        "may be `str | int | bool` instead of `str | int`",
    ),
    (
        "reply-narrower",
        [(type_("Order", "members", "mark"), "str | None = None")],
        f"{RECEIVED}.mark",
        "is read as `str` instead of `str | int`",
    ),
    (
        "reply-type",
        [(type_("Order", "members", "price"), "str | None = None")],
        f"{RECEIVED}.price",
        "is `str` instead of `int`",
    ),
    (
        "identifier",
        [(type_("Order", "members", "price"), "int")],
        f"{RECEIVED}.price",
        "is an identifier in a reply instead of an optional member",
    ),
    (
        "api-name",
        [(type_("OrderRequest", "members", "colour"), "str | UnsetType | None = None")],
        f"{SENT}.colour",
        "is `colour` in the API instead of `color`",
    ),
    (
        "reply-name",
        [(type_("Order", "members", "price"), "int | None = None, in the API amount")],
        f"{RECEIVED}.price",
        "is read from `amount` instead of `price`",
    ),
    (
        "enforced-limit",
        [(type_("OrderRequest", "members", "count"), "int | UnsetType | None = None")],
        f"{SENT}.count",
        "is checked as `int` instead of `Annotated[int, Meta(ge=1)]`",
    ),
    (
        "documented-limit",
        [("strict/shop/OrderRequest", GONE)],
        f"{SENT}.colour",
        "is checked at the level `strict` as `str` instead of `Annotated[str, Meta(max_length=9)]`",
    ),
    (
        "mask",
        [(type_("Order", "masks", "mark"), GONE)],
        f"{RECEIVED}.mark",
        "is masked as none instead of personal",
    ),
    (
        "echo",
        [(type_("Order", "echoes"), GONE)],
        f"{RECEIVED}.price",
        "is compared with none of the request instead of price",
    ),
]


def changed(changes: list[Change]) -> tuple[Contract, Contract]:
    """Return the contract before and after changes: of each, the path to a value, and the new value."""
    old = copy.deepcopy(BASE)
    old["types"]["shop"]["Unused"] = {"kind": "sent", "members": {"unused": "str"}}
    new = copy.deepcopy(old)
    for path, value in changes:
        *way, last = path.split("/")
        holder: dict[str, Any] = new
        for key in way:
            holder = holder[key]
        if value is GONE:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(value)
    return old, new


@pytest.mark.parametrize(("kind", "changes", "place", "text"), ROWS, ids=[row[0] for row in ROWS])
def test_each_kind_of_change_is_one_finding(kind: str, changes: list[Change], place: str, text: str) -> None:
    old, new = changed(changes)
    found = compare(old, new)
    assert [(each.kind, each.place, each.text) for each in found] == [(kind, place, text)]
    expected = {ChangeClass.SILENT: 2, ChangeClass.BREAKING: 1}.get(KINDS[kind].severity, 0)
    assert exit_code(found) == expected
    assert compare(old, old) == compare(new, new) == []


def test_the_table_has_every_kind_and_every_kind_that_a_caller_must_act_on_says_how() -> None:
    assert {row[0] for row in ROWS} == KINDS.keys() - (DOCUMENTATION.keys() - {"error-status"})
    for name, kind in KINDS.items():
        acted_on = kind.severity in {ChangeClass.SILENT, ChangeClass.BREAKING} or name == "member-former-name"
        assert bool(kind.advice) == acted_on, name
        assert not kind.advice or kind.advice.endswith("."), name


def test_a_new_argument_of_an_operation_with_pages_is_one_finding() -> None:
    """Its iterator takes the same argument, and an optional one breaks no loop."""
    paging = BASE["operations"]["shop"]["list_orders"]["paging"]
    old, new = changed(
        [
            (
                operation("list_orders", "signature"),
                "(first: str, second: str, third: int, *, x: int | None = None) -> Page",
            ),
            (
                operation("list_orders", "paging"),
                {**paging, "iterator": "iterate_orders(*, x: int | None = None) -> Order"},
            ),
        ]
    )
    assert [each.subject for each in compare(old, new)] == ["compatible argument-new shop.list_orders"]


SILENT = {
    "amount",
    "api-name",
    "argument-order",
    "body-format",
    "body-recognition",
    "documented-limit",
    "echo",
    "enforced-limit",
    "http-line",
    "idempotency-header",
    "identifier",
    "key-lifetime",
    "mask",
    "member-null",
    "paging-rule",
    "parameter-documented",
    "parameter-enforced",
    "parameter-sent",
    "read-name",
    "reference",
    "reply-name",
    "reply-narrower",
    "reply-wider",
    "retry-class",
    "scopes",
    "secret-key",
    "server",
    "session-secret",
    "success-status",
    "tag",
    "union-narrower",
    "union-wider",
    "value-aliases",
    "value-text",
    "visible-header",
}
BREAKING = {
    "member-deprecated",
    "argument-gone",
    "argument-keyword",
    "argument-places",
    "argument-renamed",
    "argument-required",
    "argument-type",
    "former-name-gone",
    "iterator",
    "member-gone",
    "member-renamed",
    "member-required",
    "member-required-new",
    "member-type",
    "operation-gone",
    "operation-renamed",
    "paging-gone",
    "reply-type",
    "result",
    "server-gone",
    "type-gone",
    "type-kind",
    "type-moved",
    "type-renamed",
    "value-gone",
    "value-renamed",
}


def test_the_classes_of_the_kinds() -> None:
    by_class: dict[str, set[str]] = {}
    for name, kind in KINDS.items():
        by_class.setdefault(kind.severity, set()).add(name)
    assert by_class["SILENT"] == SILENT
    assert by_class["BREAKING"] == BREAKING
    assert by_class["documentation"] == DOCUMENTATION.keys()
    assert {kind.side for kind in KINDS.values()} == {
        "caller", "request", "reply", "retry", "credentials", "masking"
    }  # fmt: skip


def both(changes: Mapping[str, object]) -> tuple[Contract, Contract]:
    """Return two contracts with one schema that is sent and received, before and after changes of both classes."""
    old, new = copy.deepcopy(BASE), copy.deepcopy(BASE)
    nothing: Mapping[str, object] = {}
    for contract, more in ((old, nothing), (new, changes)):
        for name, kind in (("Address", "sent"), ("AddressResponse", "received")):
            contract["types"]["shop"][name] = {"kind": kind, "members": {"city": "str | None = None"}, **more}
        for holder, name in (("OrderRequest", "Address"), ("Order", "AddressResponse")):
            contract["types"]["shop"][holder]["members"]["address"] = f"{name} | None = None"
    return old, new


def test_a_deprecated_member_keeps_its_name_in_every_finding() -> None:
    member, masks = "_old", {"mark": "personal"}
    changes: list[Change] = [(type_("Order", "members", member), "int | None = None, in the API old")]
    found = compare(*changed([*changes, (type_("Order", "masks"), masks)]))
    assert [each.key for each in found] == [
        f"SILENT mask {RECEIVED}.old: is masked as none instead of personal",
        f"BREAKING reply-type {RECEIVED}.old: is `int` instead of `str`",
    ]
    (new,) = compare(*changed([(type_("Order", "members", "_more"), "int | None = None, in the API more")]))
    assert new.key == f"compatible member-new {RECEIVED}.more: is new"


def test_a_schema_that_is_sent_and_received_is_one_finding_with_the_operations_it_reaches() -> None:
    (found,) = compare(*both({"members": {}}))
    assert (found.kind, found.place) == ("member-gone", "shop.Address.city")
    assert found.operations == (GET, POST)


def test_a_value_that_is_spelt_like_a_type_reaches_nothing() -> None:
    old, new = copy.deepcopy(BASE), copy.deepcopy(BASE)
    for contract in (old, new):
        contract["types"]["shop"]["State"]["values"]["GIFT"] = "Parcel"
        contract["types"]["shop"]["Parcel"] = {"kind": "received", "members": {"id": "str"}}
    new["types"]["shop"]["Parcel"]["members"] = {}
    (found,) = compare(old, new)
    assert (found.kind, found.operations) == ("member-gone", ())


def test_a_renamed_schema_is_one_finding_and_its_own_changes_are_found_under_the_new_name() -> None:
    old, new = both({})
    for contract in (old, new):
        for name in ("Address", "AddressResponse"):
            contract["types"]["shop"][name]["members"] |= {"zip": "str | None = None", "state": "str | None = None"}
    new = json.loads(json.dumps(new).replace('"Address', '"Place').replace('"city": "str', '"city": "int'))
    assert [each.key for each in compare(old, new)] == [
        "BREAKING type-renamed shop.Address: is gone; probably it is `Place` now",
        "BREAKING member-type shop.Place.city: takes `int` instead of `str`",
        "BREAKING reply-type shop.PlaceResponse.city: is `int` instead of `str`",
    ]


def test_what_a_person_accepted_in_between_is_no_finding_even_in_several_steps() -> None:
    old, middle = changed([(operation("request_order", "repetition"), "none")])
    _, new = changed([(operation("request_order", "repetition"), "natural")])
    entries: list[dict[str, object]] = []
    for before, after in ((old, middle), (middle, new)):
        (found,) = compare(before, after)
        entries.append({"why": "The provider said so.", "changes": [found.key]})
    assert compare(old, {**new, ACCEPTED: entries}) == []
    # An acceptance of the time before the old version excuses no change after it.
    assert len(compare({**old, ACCEPTED: entries}, {**new, ACCEPTED: entries})) == 1


def test_an_acceptance_excuses_no_other_kind_and_no_other_place() -> None:
    old, new = changed([(operation("request_order", "repetition"), "none")])
    entry = {"why": "", "changes": [f"SILENT scopes {POST}: x", f"SILENT retry-class {GET}: x"]}
    assert len(compare(old, {**new, ACCEPTED: [entry]})) == 1


def test_the_formats() -> None:
    changes: list[Change] = [(operation(name, "repetition"), "none") for name in ("request_order", "list_orders")]
    changes.append((type_("Order", "members", "price"), "str | None = None"))
    found = compare(*changed(changes))
    assert render(found, "text") == (
        f"SILENT (retry) {GET} is repeated by the rule `none` instead of `safe`.\n"
        "    A call that fails in doubt is repeated in other cases: check what your code does after `OutcomeUnknown`.\n"
        f"SILENT (retry) {POST} is repeated by the rule `none` instead of `key`.\n"
        "    A call that fails in doubt is repeated in other cases: check what your code does after `OutcomeUnknown`.\n"
        f"BREAKING (reply) {RECEIVED}.price is `str` instead of `int`.\n"
        "    Adapt what reads it.\n"
        f"    Reaches {GET}, {POST}.\n"
        "2 SILENT, 1 BREAKING.\n"
    )
    assert render(found, "markdown").splitlines()[-1] == (
        f"- **BREAKING** `{RECEIVED}.price` is `str` instead of `int`. Adapt what reads it."
    )
    record = json.loads(render(found, "json"))[-1]
    assert (record["class"], record["side"], record["kind"]) == ("BREAKING", "reply", "reply-type")
    assert record["operations"] == [GET, POST]
    assert render([], "text") == ""


def test_what_is_said_of_several_places_is_one_entry() -> None:
    old, new = changed([(operation(name, "secret_key"), False) for name in ("request_order", "list_orders")])
    lines = render(compare(old, new), "text").splitlines()
    assert lines[0] == f"SILENT (credentials) {GET}, {POST} accepts a secret key: no instead of yes."
    assert lines[-1] == "2 SILENT."
