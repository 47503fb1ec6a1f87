"""The types of members: what datamodel-code-generator writes and our own printer, side by side; and the TypedDicts.

Another version of the generator that writes another annotation shows here which one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import get_type_hints, is_typeddict

import pytest

from codegen.compiler import compile_document
from codegen.document import Object
from codegen.emit_dicts import emit_dicts
from codegen.emit_models import emit_models, emit_strict, strict_classes, with_types
from codegen.generator import generate_classes
from codegen.ir import ObjectType
from codegen.parse_types import parse_types
from codegen.passes import run_passes
from codegen.passes.levels import keep_documented, keep_enforced, without_texts
from codegen.passes.walk import schemas
from codegen.render_type import struct_annotation
from codegen.write import GENERATED
from tests.codegen.support import GOLDEN, HERE, import_generated

FOLDERS = {"own": HERE.parents[1], **{path.name: path for path in sorted((HERE / "inputs").iterdir())}}


@pytest.fixture(scope="module", params=FOLDERS)
def document(request: pytest.FixtureRequest) -> Object:
    return run_passes(compile_document(FOLDERS[request.param] / "openapi"))


def members(modules: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the members of the Structs in generated modules, each with its annotation in one form."""
    for source in modules.values():
        tree = ast.parse(source)
        imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names = {alias.asname: alias.name for node in imported for alias in node.names if alias.asname}
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("__"):
                        yield f"{node.name}.{ast.unparse(each.target)}", one_form(each.annotation, names)


def one_form(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return an annotation with the limits in the order of their names, and without aliases of types."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            part.keywords.sort(key=lambda each: str(each.arg))
        elif isinstance(part, ast.Name):
            part.id = names.get(part.id, part.id)
    return ast.unparse(node)


def printed(document: Object, *, likes: bool) -> Iterator[tuple[str, str]]:
    """Yield the members of the Structs as our printer writes them."""
    for type_ in parse_types(document):
        if isinstance(type_, ObjectType):
            for member in type_.members:
                if not (type_.direction == "sent" and member.types[0].kind == "literal"):
                    text = struct_annotation(member, type_.direction, likes=likes)
                    hidden = "_" if member.deprecated and type_.direction == "received" else ""
                    place = f"{type_.name}.{hidden}{member.python_name}"
                    yield place, one_form(ast.parse(text, mode="eval").body, {})


@pytest.mark.costly
def test_the_generator_writes_what_our_printer_writes(document: Object) -> None:
    assert dict(members(emit_models(document))) == dict(printed(keep_enforced(document), likes=True))


@pytest.mark.costly
def test_the_generator_writes_what_our_printer_writes_for_strict(document: Object) -> None:
    written = dict(members(emit_strict(document)))
    assert written.items() <= dict(printed(keep_documented(document), likes=False)).items()


@pytest.mark.costly
def test_the_strict_classes_are_those_that_a_run_of_the_generator_would_write(document: Object) -> None:
    """Only the models come from it. The strict ones are made of them, with the limits that our printer writes."""
    named = dict(schemas(document).objects())
    sent = {name for name, schema in named.items() if schema.get("x-direction") == "sent"}
    made = strict_classes(document, generate_classes(keep_enforced(document)))
    run = generate_classes(keep_documented(without_texts(document)))
    written, _ = with_types(run, named, frozenset())
    assert {name: one_layout(made[name]) for name in sent} == {name: one_layout(written[name]) for name in sent}


def one_layout(source: str) -> str:
    """Return a class as it is compared: layout and line breaks come later, from the formatter."""
    return ast.unparse(ast.parse(source))


def test_each_request_type_has_a_typed_dict_with_its_members(document: Object) -> None:
    dicts = "\n".join(emit_dicts(document).values())
    classes = {node.name: node for node in ast.parse(dicts).body if isinstance(node, ast.ClassDef)}
    for type_ in parse_types(document):
        if isinstance(type_, ObjectType) and type_.direction == "sent":
            assert f"{type_.name}Dict" in classes


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the TypedDicts of the golden shop."""
    folder = GOLDEN / "shop" / GENERATED
    for module in ("models.common", "models.shop", "dicts.common"):
        import_generated(folder, module, monkeypatch)
    return import_generated(folder, "dicts.shop", monkeypatch)


def test_a_typed_dict_has_the_names_of_the_api(shop: ModuleType) -> None:
    assert is_typeddict(shop.CardPaymentDict)
    assert get_type_hints(shop.CardPaymentDict).keys() == {"type", "number", "holder", "3ds"}
    assert get_type_hints(shop.OrderRequestDict).keys() >= {"payment", "items", "speed", "gift"}


def test_a_module_of_models_has_the_typed_dicts_on_demand(shop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    models = import_generated(GOLDEN / "shop" / GENERATED, "models.shop", monkeypatch)
    assert models.OrderRequestDict is shop.OrderRequestDict
    assert models.PaymentDict is shop.PaymentDict
    assert models.MoneyDict is shop.MoneyDict
    assert "OrderRequestDict" not in vars(models)
    for name in ("OrderDict", "OrderRequestDictDict", "Nothing"):
        with pytest.raises(AttributeError, match=name):
            getattr(models, name)


def test_a_wrong_name_of_a_module_suggests_the_right_one(shop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    models = import_generated(GOLDEN / "shop" / GENERATED, "models.shop", monkeypatch)
    with pytest.raises(AttributeError, match=r"'checkout_async.models.shop' .* did you mean `CardPayment`\?"):
        models.CardPaymnt  # noqa: B018
