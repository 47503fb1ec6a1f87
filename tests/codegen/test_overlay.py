"""An overlay adds to fragments and corrects them, by key, without a copy of them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async.sandbox import SECRET_KEY, Sandbox
from codegen.__main__ import main
from codegen.compiler import compile_document, compile_package
from codegen.diagnostics import SpecificationError
from codegen.passes.walk import schemas
from codegen.target import parse_package
from tests.codegen.support import ORDER, SHOP, write_fragments

CORRECTED = """\
OrderRequest:
  properties:
    item:
      maxLength: 7
    warehouse:
      type: string
      description: Where it lies.
Order:
  properties:
    shelf:
      type: string
      description: Where it stood.
"""
RETURNS = {
    "openapi.yaml": """\
tags:
  - {name: Returns, description: What comes back.}
paths:
  /returns/{id}: {$ref: 'paths/returns_{id}.yaml'}
""",
    "paths/returns_{id}.yaml": """\
get:
  operationId: get_return
  tags: [Returns]
  summary: Read a return
  description: Its state.
  x-idempotency: safe
  parameters:
    - name: id
      in: path
      required: true
      description: Its identifier.
      schema: {type: string}
      x-python-name: return_id
  responses:
    '200':
      description: The order.
      content:
        application/json:
          schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}
""",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def compiled(root: Path, overlay: Mapping[str, str]) -> dict[str, str]:
    write_fragments(root, SHOP)
    document = compile_document(root / "openapi", write(root / "private", overlay))
    found = compile_package(parse_package("mylib"), document)
    return {path.removeprefix("mylib/"): content.decode() for path, content in found.items()}


def problems(root: Path, overlay: Mapping[str, str], name: str = "private") -> list[str]:
    write_fragments(root, SHOP)
    with pytest.raises(SpecificationError) as found:
        compile_document(root / "openapi", write(root / "more" / name, overlay))
    return [str(each) for each in found.value.problems]


def test_a_private_member_and_a_corrected_limit_are_in_the_package(tmp_path: Path) -> None:
    files = compiled(tmp_path, {ORDER: CORRECTED})
    assert "warehouse: str | UnsetType | None = None" in files["models/shop.py"]
    assert "shelf: str | None = None" in files["models/shop.py"]
    assert "item: Annotated[str, Meta(max_length=7)]" in files["strict/shop.py"]
    assert "warehouse: NotRequired[str | None]" in files["dicts/shop.py"]


def test_a_mask_is_removed_in_words_alone(tmp_path: Path) -> None:
    masked = SHOP[ORDER].replace("description: The goods.", "description: The goods.\n      x-sensitive: personal")
    write_fragments(tmp_path, {**SHOP, ORDER: masked})
    overlay = "OrderRequest:\n  properties:\n    item:\n      x-sensitive: {}\n"
    with pytest.raises(SpecificationError, match="null removes x-sensitive: write `x-sensitive: none`"):
        compile_document(tmp_path / "openapi", write(tmp_path / "private", {ORDER: overlay.format("null")}))
    compile_document(tmp_path / "openapi", write(tmp_path / "private", {ORDER: overlay.format("none")}))


def test_a_private_api_is_added_with_its_tag(tmp_path: Path) -> None:
    files = compiled(tmp_path, RETURNS)
    assert "async def get_return(" in files["operations/returns.py"]
    assert "async def request_order(" in files["operations/shop.py"]
    assert [each["name"] for each in json.loads(files["openapi.json"])["tags"]] == ["Shop", "Returns"]


def test_a_tag_of_the_same_name_is_corrected(tmp_path: Path) -> None:
    files = compiled(tmp_path, {"openapi.yaml": "tags:\n  - {name: Shop, description: Better words.}\n"})
    assert json.loads(files["openapi.json"])["tags"] == [{"name": "Shop", "description": "Better words."}]


def test_null_removes_a_key_and_a_list_without_names_is_replaced(tmp_path: Path) -> None:
    write_fragments(tmp_path, SHOP)
    overlay = write(tmp_path / "private", {ORDER: "OrderRequest:\n  required: null\nOrder:\n  required: [id]\n"})
    named = schemas(compile_document(tmp_path / "openapi", overlay))
    assert "required" not in named.object("OrderRequest")
    assert named.object("Order")["required"] == ["id"]


def test_an_example_of_the_overlay_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    example = "examples/one.json"
    path = """\
post:
  requestBody:
    content:
      application/json:
        examples:
          one: {summary: One, externalValue: ../examples/one.json}
"""
    write(tmp_path / "openapi", {example: '{"item": "Tea"}'})
    files = compiled(tmp_path, {"paths/orders.yaml": path, example: '{"item": "Coffee"}'})
    assert '"Coffee"' in files["openapi.json"]
    assert '"Tea"' not in files["openapi.json"]


@pytest.mark.parametrize(
    ("overlay", "problem"),
    [
        (
            {ORDER: "OrderRequest:\n  properties:\n    gone: null\n"},
            f"private/{ORDER}:3: null removes 'gone', which the fragments do not have: delete this line",
        ),
        (
            {ORDER: "OrderRequest:\n  properties:\n    itme:\n      maxLength: 7\n"},
            f"private/{ORDER}:3: ",
        ),
        ({ORDER: "OrderRequest: [\n"}, f"private/{ORDER}:2: not valid YAML"),
        ({"README.md": "Nothing.\n"}, "private:1: the overlay has no fragment"),
        ({ORDER: CORRECTED, "notes.txt": "?"}, "private/notes.txt:1: stray file"),
        ({"paths/more.yaml": SHOP["paths/orders.yaml"]}, "private/paths/more.yaml:1: unused file"),
    ],
    ids=["null of nothing", "misspelt member", "no YAML", "no fragment", "stray file", "unused file"],
)
def test_a_problem_names_the_line_of_the_overlay(tmp_path: Path, overlay: dict[str, str], problem: str) -> None:
    assert any(each.startswith(problem) for each in problems(tmp_path, overlay)), problems(tmp_path, overlay)


def test_an_overlay_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {ORDER: "OrderRequest:\n  gone: null\n"}, name="openapi")
    assert problem.startswith(f"openapi (overlay)/{ORDER}:2: ")


@pytest.mark.slow
async def test_our_own_fragments_are_corrected_and_called_against_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "components/schemas/payments/action_request.yaml": (
            "VoidRequest:\n  properties:\n    reference:\n      maxLength: 20\n"
            "      x-enforced:\n        maxLength: our ledger takes no longer one\n"
            "    branch:\n      type: string\n      description: Our branch.\n      x-sensitive: none\n"
        )
    }
    overlay = write(tmp_path / "private", files)
    assert main(["--package", "mycheckout", "--overlay", str(overlay), "--output", str(tmp_path)]) == 0
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    mycheckout = importlib.import_module("mycheckout")
    try:
        key = SecretKey(SECRET_KEY)
        async with Sandbox() as sandbox, CheckoutClient(key, base_url=sandbox.base_url) as client:
            payments = mycheckout.Apis(client).payments
            with pytest.raises(errors.InvalidRequest, match="reference"):
                await payments.void_payment("pay_" + "a" * 26, {"reference": "ORD-12345678901234567"})
            with pytest.raises(errors.NotFound):
                await payments.void_payment("pay_" + "a" * 26, {"reference": "ORD-1"})
            assert mycheckout.models.payments.VoidRequest(branch="Bonn").branch == "Bonn"
    finally:
        for name in [each for each in sys.modules if each.partition(".")[0] == "mycheckout"]:
            del sys.modules[name]
