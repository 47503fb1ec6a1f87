"""Helpers for the compiler's tests: a small specification to vary, and functions to compile it and import the code."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from codegen.compiler import Compiled, compile_all, compile_document, compile_files
from codegen.diagnostics import SpecificationError
from codegen.load import SNAPSHOT
from codegen.write import DOCS, GENERATED, MANIFEST, write_tree

HERE = Path(__file__).parent
INPUTS = HERE / "inputs"
GOLDEN = HERE / "golden"

ROOT = """\
openapi: 3.1.0
info: {title: Shop, version: '1'}
tags:
  - {name: Shop, description: Orders.}
security:
  - oauth: ['shop:write']
paths:
  /orders: {$ref: paths/orders.yaml}
components:
  securitySchemes:
    oauth: {$ref: 'components/securitySchemes/all.yaml#/oauth'}
x-python-names: {3ds: three_ds, _links: links}
"""
SECURITY = """\
oauth:
  type: oauth2
  description: A token.
  flows:
    clientCredentials: {tokenUrl: 'https://shop.example/token', scopes: {'shop:write': Writing.}}
"""
PATH = """\
post:
  operationId: request_order
  tags: [Shop]
  summary: Place an order
  description: Places an order.
  x-idempotency: none
  requestBody:
    required: true
    description: The order.
    content:
      application/json:
        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}
  responses:
    '201':
      description: The order.
      content:
        application/json:
          schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}
"""
SCHEMAS = """\
OrderRequest:
  type: object
  description: What to order.
  required: [item]
  properties:
    item:
      type: string
      description: The goods.
Order:
  type: object
  description: An order.
  required: [id]
  properties:
    id:
      type: string
      description: Its identifier.
      x-identifier: true
"""
ITEM = "    item:\n      type: string\n      description: The goods.\n"
ORDER = "components/schemas/shop/order.yaml"
SHOP: Mapping[str, str] = {
    "openapi.yaml": ROOT,
    "paths/orders.yaml": PATH,
    "components/securitySchemes/all.yaml": SECURITY,
    ORDER: SCHEMAS,
}
"""The smallest possible specification: one operation, one request type, one response type."""


LIBRARY: Mapping[str, str] = {
    path.relative_to(INPUTS / "library" / "openapi").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((INPUTS / "library" / "openapi").rglob("*.yaml"))
}
"""A specification with pages, alternatives and idempotency keys: the golden input of that name."""


def write_fragments(root: Path, fragments: Mapping[str, str]) -> Path:
    """Write fragments into the folder openapi/ of a root, and return the root."""
    for name, text in fragments.items():
        path = root / "openapi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def generate(root: Path, /, **fragments: str) -> Path:
    """Generate the shop with other schemas, path or root; return the folder with the generated package."""
    files = {"root": "openapi.yaml", "path": "paths/orders.yaml", "schemas": ORDER}
    write_fragments(root, {**SHOP, **{files[key]: text for key, text in fragments.items()}})
    write_tree(root, compile_files(root))
    return root / GENERATED


def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands that follow in this process compile each state of the fragments once.

    The accepted snapshot is beside them, and no part of what is compiled.
    """
    known: dict[str, Compiled] = {}

    def compiled(root: Path) -> Compiled:
        digest = hashlib.sha256()
        for path in sorted((root / "openapi").rglob("*")):
            if path.is_file() and path.name != SNAPSHOT:
                digest.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode() + path.read_bytes())
        if digest.hexdigest() not in known:
            known[digest.hexdigest()] = compile_all(root)
        return known[digest.hexdigest()]

    for module in ("codegen.generate", "codegen.commands"):
        monkeypatch.setattr(f"{module}.compile_all", compiled)


def problems(root: Path, *changes: tuple[str, str, str], of: Mapping[str, str] = SHOP) -> list[str]:
    """Return the problems the compiler reports after changes: each is a file, the old text and the new text."""
    fragments = dict(of)
    for file, old, new in changes:
        text = fragments.get(file, "")
        assert old in text, f"{file} has no {old!r}"
        fragments[file] = text.replace(old, new, 1)
    write_fragments(root, fragments)
    try:
        compile_document(root / "openapi")
    except SpecificationError as error:
        return [str(problem) for problem in error.problems]
    return []


def import_generated(folder: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module of a generated package, such as `models.shop`, as if it were in checkout_async."""
    name = f"checkout_async._generated.{module}"
    spec = spec_from_file_location(name, folder.joinpath(*module.split(".")).with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    loaded = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, loaded)
    spec.loader.exec_module(loaded)
    return loaded


class GoldenLibrary:
    """The generated modules of the golden input `library`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def module(name: str) -> ModuleType:
            return import_generated(GOLDEN / "library" / GENERATED, name, monkeypatch)

        module("models.common")
        self.models = module("models.library")
        module("strict.common")
        self.strict = module("strict.library")
        self.operations = module("operations.library")
        self.resources = module("resources.library")


def golden_files(case: str) -> dict[str, bytes]:
    """Compile an input; leave out the manifest, whose hashes change with every source file of the compiler."""
    files = compile_files(INPUTS / case)
    assert {MANIFEST, DOCS} < files.keys()
    return {path: content for path, content in files.items() if path != MANIFEST}
