"""`python -m codegen compare`: a document of others against ours, through its own references, parts and variants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.compiler import check_fragments, compile_document
from codegen.decisions import is_settled, read_decisions, render_tables
from codegen.diagnostics import Problems, SpecificationError
from codegen.document import Object
from codegen.lint import lint
from codegen.publish import with_modules
from codegen.upstream.compare import Comparison, compare_documents
from codegen.upstream.read import Document, read_document
from codegen.upstream.shapes import describe
from tests.codegen.support import HERE, INPUTS, SHOP, write_fragments

OURS = """\
openapi: 3.1.0
info: {title: Ours, version: '1'}
security: [{oauth: ['shop:write']}]
paths:
  /orders/{id}:
    put:
      operationId: change_order
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: Cko-Key, in: header, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
      responses:
        '200': {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
        '404': {description: Not there.}
components:
  schemas:
    Order:
      type: object
      required: [source]
      properties:
        source: {$ref: '#/components/schemas/Source'}
        count: {type: integer, minimum: 1}
        state: {type: string, enum: [new, old]}
        tags: {type: array, items: {type: string}}
        labels: {type: object, additionalProperties: {type: string}}
        parent: {$ref: '#/components/schemas/Order'}
    Source:
      oneOf: [{$ref: '#/components/schemas/Card'}, {$ref: '#/components/schemas/Token'}]
      discriminator:
        propertyName: type
        mapping: {card: '#/components/schemas/Card', token: '#/components/schemas/Token'}
    Card:
      type: object
      required: [type, number]
      properties: {type: {const: card}, number: {type: string, maxLength: 19}, phone: {type: string}}
    Token:
      type: object
      required: [type]
      properties: {type: {const: token}, token: {type: string}, phone: {type: string}}
"""
# The same API as a provider would write it in OpenAPI 3.0: a base with subtypes, parts, anchors, a prefix, other names.
THEIRS = """\
openapi: 3.0.3
info: {title: Theirs, version: '1'}
paths:
  /v1/orders/{order_id}:
    parameters:
      - {name: order_id, in: path, required: true, schema: {type: string}}
    put:
      security: [{OAuth: ['shop:write']}]
      parameters: [{$ref: '#/components/parameters/Key'}]
      requestBody: {$ref: '#/components/requestBodies/Order'}
      responses:
        '200': {content: {application/json: {schema: {$ref: '#/components/schemas/order'}}}}
        '404': {description: Gone.}
components:
  parameters:
    Key: {name: cko-key, in: header, schema: {type: string, nullable: true}}
  requestBodies:
    Order: {content: {application/json: {schema: {$ref: '#/components/schemas/order'}}}}
  schemas:
    order:
      allOf:
        - {type: object, required: [source], properties: {source: {$ref: '#/components/schemas/base'}}}
        - properties:
            count: {type: integer, minimum: 1, maxLength: 9}
            state: &state {type: string, enum: [New, OLD], maxLength: 9}
            tags: {type: array, items: {allOf: [{type: string}]}}
            labels: {type: object, additionalProperties: {type: string}}
            parent: {$ref: '#/components/schemas/order'}
    base:
      type: object
      required: [type]
      properties: {type: {type: string}, phone: {type: string}}
      discriminator:
        propertyName: type
        mapping: {card: '#/components/schemas/card', token: '#/components/schemas/token'}
    card:
      allOf:
        - $ref: '#/components/schemas/base'
        - {type: object, required: [number], properties: {number: {type: string, maxLength: 19}}}
    token:
      allOf:
        - $ref: '#/components/schemas/base'
        - {type: object, properties: {token: {type: string}}}
"""


def document(root: Path, text: str, name: str = "document.yaml") -> Document:
    path = root / name
    path.write_text(text, encoding="utf-8")
    return read_document(path)


def compared(root: Path, theirs: str, ours: str = OURS) -> Comparison:
    return compare_documents(document(root, ours, "ours.yaml"), document(root, theirs, "theirs.yaml"))


def test_the_same_api_in_other_schemas_is_the_same(tmp_path: Path) -> None:
    found = compared(tmp_path, THEIRS)
    assert found.differences == []
    (agreement,) = found.agreements
    assert (agreement.operation, agreement.line, agreement.percent) == ("change_order", "PUT /orders/{id}", 100)
    assert agreement.parts > 20


CHANGES = [
    ("properties: {token: {type: string}}", "properties: {}", "request source<token>.token extra"),
    (
        "properties: {token: {type: string}}",
        "properties: {token: {type: string}, more: {}}",
        "request source<token>.more missing",
    ),
    ("required: [number]", "required: []", "request source<card>.number required"),
    ("maxLength: 19", "maxLength: 20", "request source<card>.number maxLength"),
    ("count: {type: integer, minimum: 1, maxLength: 9}", "count: {type: string}", "request count type"),
    ("minimum: 1, maxLength: 9", "minimum: 0", "request count minimum"),
    ("enum: [New, OLD]", "enum: [New]", "request state values"),
    ("enum: [New, OLD]", "x-none: 1", "request state values"),
    ("items: {allOf: [{type: string}]}", "items: {type: integer}", "request tags() type"),
    ("additionalProperties: {type: string}", "additionalProperties: {type: integer}", "request labels.* type"),
    ("shop:write", "shop:read", "scope shop:read missing"),
    ("'404': {description: Gone.}", "'409': {description: Gone.}", "status 404 extra"),
    (
        "{name: cko-key, in: header, schema",
        "{name: cko-key, in: header, required: true, schema",
        "parameter header cko-key required",
    ),
    ("{name: cko-key, in: header", "{name: other, in: header", "parameter header other missing"),
]


@pytest.mark.parametrize(("old", "new", "key"), CHANGES, ids=[key for _, _, key in CHANGES])
def test_a_difference(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in THEIRS
    found = compared(tmp_path, THEIRS.replace(old, new))
    keys = [each.key for each in found.differences]
    assert f"change_order {key}" in keys
    side, place, fact = key.rpartition(" ")[0].partition(" ")[0], key.split(" ")[1], key.rsplit(" ", maxsplit=1)[-1]
    if side == "request":
        assert f"change_order reply {place} {fact}" in keys or fact == "required"
    assert found.agreements[0].percent < 100
    for each in found.differences:
        sides = (each.our_origin.startswith("ours.yaml:"), each.their_origin.startswith("theirs.yaml:"))
        assert sides == (each.fact != "missing", each.fact != "extra")


def test_what_is_inside_a_missing_member_is_not_told_again(tmp_path: Path) -> None:
    more = "labels: {type: object, properties: {a: {type: object, properties: {b: {type: string}}}}}"
    theirs = THEIRS.replace("labels: {type: object, additionalProperties: {type: string}}", more)
    keys = {each.key for each in compared(tmp_path, theirs).differences if each.side == "request"}
    assert keys == {"change_order request labels.* extra", "change_order request labels.a missing"}


def test_operations_that_one_of_them_lacks(tmp_path: Path) -> None:
    theirs = THEIRS.replace("  /v1/orders/{order_id}:\n", "  /v1/refunds:\n    get: {}\n  /v1/baskets/{id}:\n")
    assert [each.key for each in compared(tmp_path, theirs).differences] == [
        "change_order operation extra",
        "GET /v1/refunds operation missing",
        "PUT /v1/baskets/{id} operation missing",
    ]


def test_each_direction_leaves_out_what_the_other_has_alone(tmp_path: Path) -> None:
    for keyword, side in (("readOnly", "request"), ("writeOnly", "reply")):
        theirs = THEIRS.replace("minimum: 1, maxLength: 9", f"minimum: 1, {keyword}: true")
        (found,) = compared(tmp_path, theirs).differences
        assert found.key == f"change_order {side} count extra"


def test_variants_that_only_one_document_tells_apart_are_laid_over_each_other(tmp_path: Path) -> None:
    plain = """\
    base:
      type: object
      required: [type]
      properties: {type: {type: string, enum: [card, token]}, phone: {type: string}, number: {type: string}}
    unused:
"""
    start, rest = THEIRS.split("    base:\n")
    theirs = start + plain + rest
    keys = {each.key.removeprefix("change_order request ") for each in compared(tmp_path, theirs).differences}
    assert {"source.token extra", "source.number maxLength"} <= keys
    assert not [key for key in keys if "<" in key]


def test_json_with_tabs_is_read_with_its_lines(tmp_path: Path) -> None:
    text = json.dumps({"openapi": "3.1.0", "info": {"title": "A", "version": "2"}, "paths": {}}, indent="\t")
    found = document(tmp_path, text, "document.json")
    assert found.title == "A 2"
    assert found.root.at("paths").line == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("swagger: '2.0'", "its version is 2.0"),
        ("[]", "its version is none"),
        ("a: [", "not valid YAML"),
        ("{", "not valid YAML"),
    ],
)
def test_what_is_no_such_document_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SpecificationError, match=f"document.yaml:[12]: .*{problem}"):
        document(tmp_path, text)


def test_a_path_that_is_no_path_of_a_url_is_named_with_its_line(tmp_path: Path) -> None:
    text = "openapi: 3.1.0\npaths:\n  /orders: {get: {}}\n  '//[x/orders': {get: {}}\n"
    with pytest.raises(SpecificationError) as caught:
        document(tmp_path, text)
    assert str(caught.value) == (
        "document.yaml:4: path '//[x/orders' is not the path of a URL (Invalid IPv6 URL): correct it, or remove it "
        "from a copy"
    )


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [(b"\xff\xfe\x00", 1, "FF"), (b"openapi: 3.1.0\ninfo: {title: caf\xe9}\n", 2, "E9")],
    ids=["utf-16", "latin-1"],
)
def test_a_document_that_is_not_utf_8_is_its_own_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, line: int, byte: str
) -> None:
    root = write_fragments(tmp_path, SHOP)
    path = tmp_path / "theirs.yaml"
    path.write_bytes(content)
    for command in (["compare"], ["adopt", "--schema", "Order"]):
        assert main([command[0], str(path), *command[1:], "--root", str(root)]) == 1
        assert capsys.readouterr().err == (
            f"theirs.yaml:{line}: not UTF-8 text, from the byte 0x{byte} on: save the file as UTF-8\n"
            "found 1 problem; nothing was written\n"
        )


def test_references_that_lead_nowhere_and_schemas_inside_themselves_end(tmp_path: Path) -> None:
    inner = "{b: {$ref: '#/components/schemas/B'}, c: {$ref: 'x#/y'}}"
    schemas = f"{{A: {{$ref: '#/components/schemas/A'}}, B: {{properties: {inner}}}}}"
    found = document(tmp_path, f"openapi: 3.1.0\ncomponents: {{schemas: {schemas}}}\n")
    parts = found.root.object("components").object("schemas")
    assert describe(found, [parts.object("A")], "reply") == {}
    assert set(describe(found, [parts.object("B")], "reply")) == {"c"}
    assert set(found.unresolved) == {"x#/y"}


def test_our_own_bundle_is_what_we_have() -> None:
    bundle = with_modules(compile_document(INPUTS / "library" / "openapi"))
    found = compare_documents(Document(bundle), Document(bundle))
    assert found.differences == []
    assert {each.operation for each in found.agreements} == {"list_loans", "request_loan", "search_loans", "renew_loan"}


DECISIONS = """\
# What was chosen.
shop:
  - place: 'Length of `number`'
    choice: '19'
    sources: 20 in one page
    ground: A card number has at most 19 digits.
    settles: ['change_order * source<card>.number maxLength']
  - place: Values of the state | others
    choice: all
    document: 'Another 2*'
    settles: ['* state values']
"""
README = """\
# Shop

<!-- decisions: shop -->
<!-- end -->
After.
"""
TABLE = """\
# Shop

<!-- decisions: shop -->

| Question | Chosen |
|---|---|
| Length of `number` (20 in one page) | 19 |
| Values of the state \\| others | all |

<!-- end -->
After.
"""


def test_what_a_decision_settles_is_no_news(tmp_path: Path) -> None:
    (tmp_path / "decisions.yaml").write_text(DECISIONS)
    problems = Problems()
    decisions = read_decisions(tmp_path, problems)
    problems.stop_if_any()
    theirs = THEIRS.replace("maxLength: 19", "maxLength: 20").replace("enum: [New, OLD]", "enum: [New]")
    found = compared(tmp_path, theirs).differences
    assert len(found) == 4
    assert [each.key for each in found if not is_settled(each.key, decisions, "Theirs 1")] == [
        "change_order request state values",
        "change_order reply state values",
    ]
    assert all(is_settled(each.key, decisions, "Another 2.1") for each in found)


def test_the_tables_of_the_readme_are_made_from_the_decisions(tmp_path: Path) -> None:
    (tmp_path / "decisions.yaml").write_text(DECISIONS)
    decisions = read_decisions(tmp_path, Problems())
    assert render_tables(README, decisions) == TABLE
    assert render_tables(TABLE, decisions) == TABLE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("shop: 1\n", "decisions.yaml:1: 'shop' must be a list of decisions"),
        ("shop: [1]\n", "decisions.yaml:1: a decision must be a mapping"),
        ("shop:\n  - choice: a\n", "decisions.yaml:2: a decision needs a 'place', which is a text"),
        ("shop:\n  - {place: a, choice: b, why: c}\n", "decisions.yaml:2: unknown keyword 'why' in a decision"),
        ("shop:\n  - {place: a, choice: b, settles: c}\n", "decisions.yaml:2: 'settles' must be a list of patterns"),
    ],
)
def test_a_wrong_decision_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "decisions.yaml").write_text(text)
    problems = Problems()
    read_decisions(tmp_path, problems)
    with pytest.raises(SpecificationError) as caught:
        problems.stop_if_any()
    assert problem in str(caught.value)


def test_the_command_reports_news_and_lint_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_fragments(tmp_path, {**SHOP, "README.md": README, "decisions.yaml": DECISIONS})
    bundle = tmp_path / "bundle.json"
    document_: Object = compile_document(root / "openapi")
    bundle.write_text(json.dumps(document_))
    assert main(["compare", str(bundle), "--root", str(root)]) == 0
    assert capsys.readouterr().out.endswith("0 news, 0 settled by decisions.\n")
    bundle.write_text(json.dumps(document_).replace('"item"', '"sku"'))
    assert main(["compare", str(bundle), "--root", str(root)]) == 1
    printed = capsys.readouterr().out
    assert "request sku: we lack it (bundle.json:1)" in printed
    assert "request item: they lack it (openapi/components/schemas/shop/order.yaml:7)" in printed
    assert main(["compare", str(bundle), "--root", str(root), "--format", "json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert {each["fact"] for each in record["news"]} == {"missing", "extra"}
    assert record["agreement"][0]["percent"] < 100
    assert main(["compare", str(bundle), "--root", str(root), "--format", "markdown"]) == 1
    assert "- request `sku`: we lack it" in capsys.readouterr().out
    (problem, *_) = lint(check_fragments(root / "openapi"), root / "openapi")
    assert "the tables of README.md are not those of decisions.yaml" in problem.message
    main(["lint", "--fix", "--root", str(root)])
    assert (root / "openapi" / "README.md").read_text() == TABLE


def test_the_decisions_of_the_package_are_valid_and_each_names_its_choice() -> None:
    problems = Problems()
    decisions = read_decisions(HERE.parents[1] / "openapi", problems)
    problems.stop_if_any()
    assert {each.group for each in decisions} == {"sessions", "payments", "description_2021"}
    assert all(each.choice for each in decisions)
    assert all(each.document != "*" for each in decisions if each.group == "description_2021")
