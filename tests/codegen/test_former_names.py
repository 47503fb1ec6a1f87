"""`x-former-name`: what was written before a member was renamed works for one release, and warns."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from checkout_async._core import deprecation
from checkout_async._core.body import encode_body
from checkout_async._core.codec import decode
from checkout_async._core.multipart import encode_multipart
from checkout_async.errors import InvalidRequest
from codegen.__main__ import main
from codegen.compiler import compile_document, contract_of
from codegen.diff import compare
from tests.codegen.support import (
    ITEM,
    ORDER,
    SCHEMAS,
    SHOP,
    generate,
    import_generated,
    problems,
    write_fragments,
)

RENAMED = (
    "    goods:\n      type: string\n      description: The goods.\n      maxLength: 30\n      x-former-name: item\n"
)
SCHEMAS_NOW = (
    SCHEMAS.replace("required: [item]", "required: [goods]").replace(
        ITEM,
        f"""{RENAMED}\
    giftNote:
      type: string
      description: A text.
      x-former-name: gift-note
      x-sensitive: personal
    parts:
      type: array
      description: More of them.
      items: {{$ref: '#/Part'}}
    shelves:
      type: object
      description: Where.
      additionalProperties: {{$ref: '#/Part'}}
    payment:
      $ref: '#/Payment'
      description: How.
""",
    )
    + """\
    total:
      type: integer
      description: In minor units.
      x-former-name: price
    note:
      type: string
      description: A text.
      x-former-name: remark
      x-sensitive: personal
Part:
  type: object
  description: A part.
  properties:
    amount:
      type: integer
      description: How many.
      x-former-name: count
Payment:
  description: How it is paid.
  oneOf: [{$ref: '#/Cash'}, {$ref: '#/Card'}]
  discriminator:
    propertyName: type
    mapping: {cash: '#/Cash', card: '#/Card'}
Cash:
  type: object
  description: Coins.
  required: [type]
  properties:
    type: {const: cash, type: string, description: It is cash.}
    given:
      type: integer
      description: Minor units.
      x-former-name: number
Card:
  type: object
  description: A card.
  required: [type, number]
  properties:
    type: {const: card, type: string, description: It is a card.}
    number:
      type: string
      description: Its digits.
      x-sensitive: pan
"""
)
ITEM_TEXT = "OrderRequest.item is called `goods` now. The old name goes with the next release."


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecation, "_warned", set[str]())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("renamed"), schemas=SCHEMAS_NOW)


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import_generated(folder, "strict.shop", monkeypatch)
    return import_generated(folder, "models.shop", monkeypatch)


def body(type_: Any, value: object, **options: Any) -> object:
    """Return what is sent for a value."""
    return json.loads(bytes(encode_body("request_order", value, type_, **options)))


def test_the_old_keyword_of_a_request_warns_where_it_is_written_and_is_sent_under_the_new_name(
    shop: ModuleType,
) -> None:
    with pytest.warns(DeprecationWarning, match="called") as warned:
        order = shop.OrderRequest(item="tea")
    assert [(each.filename, str(each.message)) for each in warned] == [(__file__, ITEM_TEXT)]
    assert order == shop.OrderRequest(goods="tea")
    assert repr(order) == "OrderRequest(goods='tea')"
    assert body(shop.OrderRequest, order) == {"goods": "tea"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shop.OrderRequest(item="tea")


@pytest.mark.parametrize(
    "wrong", [{"goods": "tea", "item": "tea"}, {"goods": "tea", "colour": "green"}, {}], ids=["both", "unknown", "none"]
)
def test_an_argument_under_both_names_is_refused_and_so_is_one_under_no_name(
    shop: ModuleType, wrong: dict[str, str]
) -> None:
    with pytest.raises(TypeError):
        shop.OrderRequest(**wrong)


def test_a_traceback_shows_no_argument(shop: ModuleType) -> None:
    with pytest.raises(TypeError) as caught:
        shop.OrderRequest(goods="tea", gift_note="for Bo", colour="green")
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    assert "for Bo" not in "".join(str(each.locals) for each in frames if each.filename != __file__)


def test_the_old_attribute_of_a_request_is_read_and_set(shop: ModuleType) -> None:
    order = shop.OrderRequest(goods="tea")
    with pytest.warns(DeprecationWarning, match=r"^OrderRequest\.item is called `goods` now"):
        assert order.item == "tea"
    deprecation._warned.clear()
    with pytest.warns(DeprecationWarning, match=r"^OrderRequest\.item is called `goods` now"):
        order.item = "rice"
    assert order.goods == "rice"
    assert shop.OrderRequest.item.fget.__deprecated__ == ITEM_TEXT


@pytest.mark.parametrize("level", ["shape", "strict"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"item": "tea"}, {"goods": "tea"}),
        ({"goods": "tea", "gift-note": "x"}, {"goods": "tea", "giftNote": "x"}),
        ({"item": "tea", "gift-note": "x"}, {"goods": "tea", "giftNote": "x"}),
        (
            {"goods": "tea", "parts": [{"count": 1}, {"count": 2}]},
            {"goods": "tea", "parts": [{"amount": 1}, {"amount": 2}]},
        ),
        ({"goods": "tea", "shelves": {"a": {"count": 1}}}, {"goods": "tea", "shelves": {"a": {"amount": 1}}}),
        (
            {"goods": "tea", "payment": {"type": "cash", "number": 5}},
            {"goods": "tea", "payment": {"type": "cash", "given": 5}},
        ),
    ],
    ids=["required", "spelling", "two", "list", "map", "variant"],
)
def test_the_old_key_of_a_mapping_is_sent_under_the_new_name(
    shop: ModuleType, given: Mapping[str, object], sent: object, level: str
) -> None:
    with pytest.warns(DeprecationWarning, match="The old name goes with the next release"):
        assert body(shop.OrderRequest, given, validate=level) == sent
    deprecation._warned.clear()
    with pytest.warns(DeprecationWarning, match="The old name goes with the next release"):
        assert msgspec.to_builtins(shop.OrderRequest.from_dict(given)) == sent


def test_the_same_name_in_another_variant_means_that_member(shop: ModuleType) -> None:
    given = {"goods": "tea", "payment": {"type": "card", "number": "4242"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert body(shop.OrderRequest, given) == given
    wrong = {"goods": "tea", "payment": {"type": "card", "number": "4242", "item": "x"}}
    with pytest.raises(InvalidRequest, match=r"\$\.payment: Object contains unknown field `item`"):
        body(shop.OrderRequest, wrong)


def test_a_mapping_with_both_names_is_refused(shop: ModuleType) -> None:
    with pytest.raises(InvalidRequest, match="unknown field `item`"):
        body(shop.OrderRequest, {"item": "tea", "goods": "tea"})


def test_a_form_with_files_takes_the_old_key(shop: ModuleType) -> None:
    with pytest.warns(DeprecationWarning, match="OrderRequest.item is called `goods` now"):
        sent, _ = encode_multipart("request_order", {"item": "tea"}, shop.OrderRequest, "shape")
    assert b'name="goods"\r\n\r\ntea' in bytes(sent)


def test_the_old_attribute_of_a_reply_is_read(shop: ModuleType) -> None:
    order = decode(shop.Order, b'{"id": "o", "total": 5}')[0]
    with pytest.warns(DeprecationWarning, match=r"^Order\.price is called `total` now"):
        assert order.price == 5
    with pytest.raises(AttributeError):
        order.price = 6


@pytest.mark.parametrize(
    ("received", "total"),
    [('"total": 5', 5), ('"price": 5', 5), ('"total": 5, "price": 6', 5), ('"total": null, "price": 6', 6), ("", None)],
)
def test_a_reply_is_read_under_either_name_and_written_under_the_new_one(
    shop: ModuleType, received: str, total: int | None
) -> None:
    """The environments of an API change one after the other, and recorded replies never do."""
    text = f'{{"id": "o"{received and ", "}{received}}}'.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        order = decode(shop.Order, text)[0]
    assert order.total == total
    assert order.to_json() == text
    assert order == shop.Order(id="o", total=total)
    assert json.loads(msgspec.json.encode(order)) == {"id": "o", **({} if total is None else {"total": total})}


def test_a_reply_masks_what_came_under_the_old_name(shop: ModuleType) -> None:
    order = decode(shop.Order, b'{"id": "o", "remark": "for Bo"}')[0]
    assert order.note == "for Bo"
    assert "Bo" not in repr(order)
    assert "former" not in repr(order)


def test_a_reply_that_a_test_makes_takes_the_old_keyword(shop: ModuleType) -> None:
    with pytest.warns(DeprecationWarning, match=r"^Order\.price is called `total` now"):
        assert shop.Order(id="o", price=5) == shop.Order(id="o", total=5)


def test_copies_are_made_as_of_any_class(shop: ModuleType) -> None:
    order: Any = decode(shop.Order, b'{"id": "o", "price": 5}')[0]
    request: Any = shop.OrderRequest(goods="tea")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value, type_ in ((order, shop.Order), (request, shop.OrderRequest)):
            assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
            assert msgspec.convert(msgspec.to_builtins(value), type_) == value
        assert msgspec.structs.replace(order, total=6).total == 6
        assert msgspec.structs.replace(request, goods="rice").to_dict() == {"goods": "rice"}


def test_only_a_class_with_a_former_name_pays_for_it(shop: ModuleType) -> None:
    assert type(shop.Card) is type(shop.Card).__mro__[0] is msgspec.StructMeta
    assert not hasattr(shop.Card, "__post_init__")
    assert type(shop.OrderRequest) is not msgspec.StructMeta
    assert not hasattr(shop.OrderRequest, "__post_init__")


def test_a_typed_dict_has_both_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_generated(folder, "models.shop", monkeypatch)
    keys = import_generated(folder, "dicts.shop", monkeypatch).OrderRequestDict
    texts = {name: getattr(each, "__forward_arg__", "") for name, each in keys.__annotations__.items()}
    assert texts["goods"] == "str"
    assert texts["item"] == "NotRequired[str | None]"
    assert {"gift-note", "giftNote"} <= texts.keys()


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_reports_the_old_names_and_no_new_one(folder: Path, tmp_path: Path, checker: str) -> None:
    pytest.importorskip(checker, reason="it is in the group `type`")
    shutil.copy(folder / "models" / "shop.py", tmp_path)
    (tmp_path / "use.py").write_text(
        "import shop\n"
        "order = shop.OrderRequest(goods='tea', gift_note='x', parts=[shop.Part(amount=1)])\n"
        "text: str = order.goods\n"
        "shop.OrderRequest(item='tea')\n"
        "shop.OrderRequest(goods=1)\n"
    )
    command = {
        "mypy": ["mypy", "--config-file=", "--no-incremental", "use.py"],
        "pyright": ["pyright", "--pythonpath", sys.executable, "use.py"],
    }[checker]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "MYPYPATH": root, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if "error" in line and "use.py:" in line}
    assert found == {4, 5}, done.stdout


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        ("goods", "x-former-name: 'goods' is the name of 'goods'; a former name belongs to one member"),
        ("id", "x-former-name: 'id' is the name of 'id'; a former name belongs to one member"),
        ("to_json", "x-former-name: 'to_json' would be called to_json, which is reserved in generated code"),
        ("2nd", "x-former-name: '2nd' needs a Python name; add it to x-python-names"),
        ("''", "x-former-name: '' needs a Python name; add it to x-python-names"),
    ],
)
def test_a_former_name_that_is_taken_or_no_name(tmp_path: Path, former: str, expected: str) -> None:
    own = "    id:\n      type: string\n      description: Its number.\n"
    change = (ORDER, ITEM, ITEM.replace("item:", "goods:") + f"      x-former-name: {former}\n{own}")
    found = problems(tmp_path, change, (ORDER, "required: [item]", "required: [goods]"))
    assert found == [f"openapi/{ORDER}:9: {expected}"]


def test_two_members_cannot_have_been_one(tmp_path: Path) -> None:
    twice = "".join(ITEM.replace("item:", f"{name}:") + "      x-former-name: item\n" for name in ("goods", "wares"))
    found = problems(tmp_path, (ORDER, ITEM, twice), (ORDER, "required: [item]", "required: [goods]"))
    assert [each.partition(": ")[2] for each in found] == [
        "x-former-name: 'item' is the name of 'item'; a former name belongs to one member"
    ]


def test_a_member_that_is_looked_for_by_name_has_one_name(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        (ORDER, ITEM, RENAMED),
        (ORDER, "required: [item]", "required: [goods]"),
        ("paths/orders.yaml", "  x-idempotency: none\n", "  x-idempotency: none\n  x-reference: goods\n"),
    )
    assert [each.partition(": ")[2] for each in found] == [
        "x-former-name: 'goods' is the reference of request_order; it cannot have another name"
    ]


def contract(root: Path, schemas: str) -> Any:
    write_fragments(root, {**SHOP, ORDER: schemas})
    return contract_of(compile_document(root / "openapi"))


BEFORE = SCHEMAS + "    price:\n      type: integer\n      description: In minor units.\n"
AFTER = (
    (BEFORE.replace("price:", "total:").replace("units.\n", "units.\n      x-former-name: price\n"))
    .replace(ITEM, RENAMED)
    .replace("required: [item]", "required: [goods]")
    .replace("      maxLength: 30\n", "")
)


def test_a_rename_with_a_former_name_is_compatible_and_its_end_is_not(tmp_path: Path) -> None:
    old, new = contract(tmp_path / "old", BEFORE), contract(tmp_path / "new", AFTER)
    later = contract(tmp_path / "later", "\n".join(each for each in AFTER.split("\n") if "x-former-name" not in each))
    assert [each.subject for each in compare(old, new)] == [
        "compatible member-former-name shop.Order.price",
        "compatible member-former-name shop.OrderRequest.item",
    ]
    assert [each.subject for each in compare(new, later)] == [
        "BREAKING former-name-gone shop.Order.total",
        "BREAKING former-name-gone shop.OrderRequest.goods",
    ]


def test_a_rename_with_another_type_is_not_compatible(tmp_path: Path) -> None:
    old = contract(tmp_path / "old", BEFORE)
    new = contract(tmp_path / "new", AFTER.replace("type: integer", "type: string"))
    assert "BREAKING reply-type shop.Order.total" in [each.subject for each in compare(old, new)]


def test_another_spelling_in_the_api_alone_is_compatible(tmp_path: Path) -> None:
    old = contract(tmp_path / "old", SCHEMAS.replace("item", "giftItem"))
    new = contract(
        tmp_path / "new",
        SCHEMAS.replace("item", "gift-item").replace("goods.\n", "goods.\n      x-former-name: giftItem\n"),
    )
    (found,) = compare(old, new)
    assert found.subject == "compatible member-former-name shop.OrderRequest.gift_item"
    assert found.text.startswith("is called `gift-item` now; the old name works until the next release")


def test_lint_asks_for_the_end_of_a_name_that_a_release_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def lint() -> str:
        main(["lint", "--root", str(tmp_path)])
        return capsys.readouterr().err

    def git(*arguments: str) -> None:
        options = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", "-C", str(tmp_path), *options, *arguments], check=True, capture_output=True)

    write_fragments(tmp_path, {**SHOP, ORDER: BEFORE})
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    git("tag", "v1.9.0")
    write_fragments(tmp_path, {**SHOP, ORDER: AFTER})
    assert "former" not in lint()
    git("commit", "-qam", "x")
    git("tag", "v1.10.0")
    assert f"{ORDER}:9: 'item' was the former name of 'goods' in v1.10.0 already: remove `x-former-name`" in lint()
    assert "'price' was the former name of 'total' in v1.10.0 already" in lint()
