"""Members of requests that may be null: None is sent as null only where the type says so, and left out elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async._core.model import UNSET
from codegen.compiler import compile_document
from codegen.emit_models import emit_models, emit_strict
from codegen.passes import run_passes
from codegen.passes.levels import keep_documented, keep_enforced
from tests.codegen.support import (
    ITEM,
    ORDER,
    PATH,
    SCHEMAS,
    SHOP,
    generate,
    import_generated,
    problems,
    write_fragments,
)
from tests.codegen.test_types import members, printed

NULL = "{type: 'null'}"
MEMBERS = f"""\
    text: {{type: [string, 'null'], description: T.}}
    list: {{type: [array, 'null'], description: L., items: {{type: [string, 'null']}}}}
    map: {{type: object, description: M., additionalProperties: {{type: [integer, 'null']}}}}
    colour: {{description: C., anyOf: [{{$ref: '#/Colour'}}, {NULL}]}}
    gift: {{anyOf: [{NULL}, {{$ref: '#/Gift'}}], description: G., x-sensitive: personal}}
    source: {{description: S., anyOf: [{{$ref: '#/Source'}}, {NULL}]}}
    gifts: {{type: array, description: Gs., items: {{anyOf: [{{$ref: '#/Gift'}}, {NULL}]}}}}
    plain: {{$ref: '#/Gift', description: P.}}
"""
MORE = """\
Colour: {type: string, description: A colour., enum: [red, green]}
Gift: {type: object, description: A gift., properties: {to: {type: string, description: For whom.}}}
Source:
  description: A source.
  oneOf: [{$ref: '#/Card'}, {$ref: '#/Bank'}]
  discriminator: {propertyName: type, mapping: {card: '#/Card', bank: '#/Bank'}}
Card:
  type: object
  description: A card.
  required: [type]
  properties: {type: {type: string, description: T., const: card}}
Bank:
  type: object
  description: A bank.
  required: [type, required]
  properties:
    type: {type: string, description: T., const: bank}
    required: {description: R., anyOf: [{$ref: '#/Colour'}, {type: 'null'}]}
"""
NULLABLE = SCHEMAS.replace(ITEM, ITEM + MEMBERS).replace("    id:\n", f"{MEMBERS}    id:\n") + MORE
NAMES = ("text", "list", "colour", "gift", "source")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("null"), schemas=NULLABLE)


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return import_generated(folder, "models.shop", monkeypatch)


async def sent(folder: Path, monkeypatch: pytest.MonkeyPatch, *bodies: Any) -> list[Any]:
    """Return what a real server got for each body."""
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(json.loads(await request.read()))
        return web.json_response({"id": "o1", **dict.fromkeys(NAMES), "gifts": [None, {"to": "x"}]}, status=201)

    operations: Any = import_generated(folder, "operations.shop", monkeypatch)
    app = web.Application()
    app.router.add_post("/orders", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=url, token_url=url) as client:
            for body in bodies:
                order = await operations.request_order(client, body)
                assert [getattr(order, name) for name in NAMES] == [None] * len(NAMES)
                assert [each.to for each in order.gifts] == ["x"]
    return seen


async def test_none_is_null_where_the_type_says_so_and_unset_is_left_out(
    folder: Path, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, null = dict.fromkeys(NAMES, UNSET), dict.fromkeys(NAMES)
    full = {
        "text": "t",
        "list": ["a", None],
        "map": {"n": None},
        "colour": "red",
        "gift": {"to": "you"},
        "source": {"type": "bank", "required": None},
        "gifts": [None, {"to": "me"}],
    }
    make = models.OrderRequest
    assert await sent(
        folder,
        monkeypatch,
        make(item="tea"),
        make(item="tea", **nothing, plain=UNSET),
        make(item="tea", **null, plain=None),
        {"item": "tea", **null, "plain": None},
        {"item": "tea", **full},
    ) == [{"item": "tea"}, {"item": "tea"}, {"item": "tea", **null}, {"item": "tea", **null}, {"item": "tea", **full}]


def test_a_required_member_that_may_be_null_has_to_be_given(models: Any) -> None:
    bank = {"item": "tea", "source": {"type": "bank"}}
    with pytest.raises(errors.InvalidRequest, match="missing required field `required`"):
        models.OrderRequest.from_dict(bank)


TYPED = """\
from checkout_async._core.model import UNSET
from checkout_async._generated.models.shop import Bank, Colour, Gift, OrderRequest
from checkout_async._generated.dicts.shop import OrderRequestDict

OrderRequest(item="tea", text=None, list=["a", None], colour=None, gift=None, source=None, gifts=[None])
OrderRequest(item="tea", text=UNSET, colour="red", gift=Gift(to="x"), source=Bank(required=None), plain=None)
body: OrderRequestDict = {"item": "tea", "colour": None, "gift": {"to": "x"}, "gifts": [None, {}], "map": {"a": None}}
OrderRequest(item=None)
OrderRequest(item="tea", list=[1])
OrderRequest(item="tea", source=Bank())
wrong: OrderRequestDict = {"item": None}
"""


@pytest.mark.slow
def test_a_type_checker_agrees(folder: Path, tmp_path: Path) -> None:
    package = Path(__file__).parents[2] / "checkout_async"
    (tmp_path / "checkout_async").mkdir()
    for part in package.iterdir():
        if part.name not in {"_generated", "__init__.py", "__pycache__"}:
            (tmp_path / "checkout_async" / part.name).symlink_to(part)
    (tmp_path / "checkout_async" / "__init__.py").touch()
    (tmp_path / "checkout_async" / "_generated").symlink_to(folder)
    (tmp_path / "typed.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir=/dev/null", "typed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert found == ["8", "9", "10", "11"], done.stdout


def test_the_bundled_document_says_it_as_openapi_does(folder: Path) -> None:
    schema = json.loads((folder / "openapi.json").read_bytes())["components"]["schemas"]["OrderRequest"]
    assert schema["properties"]["colour"]["anyOf"] == [{"$ref": "#/components/schemas/Colour"}, {"type": "null"}]
    assert "x-null" not in json.dumps(schema)


def test_the_generator_writes_what_our_printer_writes(tmp_path: Path) -> None:
    root = write_fragments(tmp_path, {**SHOP, ORDER: NULLABLE})
    document = run_passes(compile_document(root / "openapi"))
    assert dict(members(emit_models(document))) == dict(printed(keep_enforced(document), likes=True))
    assert dict(members(emit_strict(document))).items() <= dict(printed(keep_documented(document), likes=False)).items()


def test_an_example_may_have_null(tmp_path: Path) -> None:
    schema = "        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}\n"
    example = "        examples: {one: {value: {item: tea, colour: null, gifts: [null]}}}\n"
    path = PATH.replace(schema, schema + example, 1)
    assert problems(tmp_path, of={**SHOP, ORDER: NULLABLE, "paths/orders.yaml": path}) == []


@pytest.mark.parametrize(
    "choice", ["[{$ref: '#/Order'}, {$ref: '#/OrderRequest'}]", "[{$ref: '#/Order'}, {type: string}]"]
)
def test_any_other_choice_is_still_refused(tmp_path: Path, choice: str) -> None:
    found = problems(tmp_path, (ORDER, ITEM, f"    item: {{description: D., anyOf: {choice}}}\n"))
    assert "property 'item' is an inline union" in found[0]
