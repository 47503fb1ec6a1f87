"""What the compiler reports about a broken fragment: file, line and what is wrong, all problems at once.

Each case takes the smallest specification (support.SHOP), replaces a text in one file, and names the problems
that follow from it. Positions are those of the file after the replacement.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.compiler import compile_document
from codegen.diagnostics import SpecificationError
from tests.codegen.support import ITEM, ORDER, PATH, SCHEMAS, SHOP, problems, write_fragments


def test_the_smallest_specification_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


def test_all_problems_of_all_files_are_reported_in_order_of_file_and_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ("paths/orders.yaml", "  operationId: request_order\n", ""),
        ("paths/orders.yaml", "x-idempotency: none", "x-idempotency: never"),
        (ORDER, "  required: [item]", "  required: [itme]"),
        (ORDER, "      description: Its identifier.\n", ""),
    )
    assert found == [
        "openapi/components/schemas/shop/order.yaml:4: required: there is no property 'itme'",
        "openapi/components/schemas/shop/order.yaml:14: property 'id' has no description",
        "openapi/paths/orders.yaml:1: operation post /orders has no operationId",
        "openapi/paths/orders.yaml:5: x-idempotency must be one of key, natural, none, safe, not 'never'",
    ]


# --- files and references


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "openapi.yaml",
            "info: {",
            "info: {{",
            "openapi/openapi.yaml:3: not valid YAML: while parsing a flow mapping, expected",
        ),
        (
            ORDER,
            SCHEMAS,
            "\tOrder:",
            f"openapi/{ORDER}:1: not valid YAML: while scanning for the next token, found character '\\t'",
        ),
        (ORDER, SCHEMAS, "- Order", f"openapi/{ORDER}:1: a fragment must be a mapping"),
        (ORDER, SCHEMAS, "", f"openapi/{ORDER}:1: a fragment must be a mapping"),
        (ORDER, "  required: [item]", "  type: object", f"openapi/{ORDER}:4: duplicate key 'type', first on line 2"),
        (ORDER, "  required: [item]", "  ? [a]\n  : b", f"openapi/{ORDER}:4: a key must be a string"),
        (ORDER, "[item]", "!!set [item]", f"openapi/{ORDER}:4: tags such as tag:yaml.org,2002:set are not supported"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    assert [each for each in problems(tmp_path, (file, old, new)) if each.startswith(expected)]


def test_an_anchor(tmp_path: Path) -> None:
    found = problems(tmp_path, (ORDER, "[item]\n", "&needed [item]\n"), (ORDER, "[id]", "*needed"))
    assert f"openapi/{ORDER}:4: anchors are not supported; use $ref" in found


def test_a_missing_file(tmp_path: Path) -> None:
    write_fragments(tmp_path, {"paths/orders.yaml": PATH})
    with pytest.raises(SpecificationError, match=r"openapi/openapi\.yaml:1: file not found"):
        compile_document(tmp_path / "openapi")


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    write_fragments(tmp_path, SHOP)
    (tmp_path / "openapi" / ORDER).write_bytes(b"Order: \xff")
    with pytest.raises(SpecificationError, match=rf"openapi/{ORDER}:1: the file must be UTF-8 text"):
        compile_document(tmp_path / "openapi")


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "paths/orders.yaml",
            "order.yaml#/Order'",
            "order.yaml#/Ordre'",
            [
                (
                    f"openapi/paths/orders.yaml:18: unresolved $ref: {ORDER} does not define 'Ordre'; did you mean "
                    "'Order'?"
                ),
            ],
        ),
        (
            "paths/orders.yaml",
            "order.yaml#/Order'",
            "odrer.yaml#/Order'",
            [
                (
                    "openapi/paths/orders.yaml:18: unresolved $ref: there is no file "
                    "components/schemas/shop/odrer.yaml in components/"
                )
            ],
        ),
        (
            "openapi.yaml",
            "paths/orders.yaml",
            "paths/order.yaml",
            ["openapi/openapi.yaml:8: unresolved $ref: there is no file paths/order.yaml in paths/"],
        ),
        (
            ORDER,
            "Order:\n",
            "Unused:\n  type: object\n  description: U.\n  properties: {}\nOrder:\n",
            [f"openapi/{ORDER}:9: unused schema 'Unused': nothing refers to it"],
        ),
        (
            "paths/orders.yaml",
            "        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}\n",
            (
                "        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}\n"
                "        examples: {one: {externalValue: ../examples/one.json}}\n"
            ),
            ["openapi/paths/orders.yaml:13: unresolved externalValue '../examples/one.json': file not found"],
        ),
    ],
)
def test_unresolved_references_and_unused_definitions(
    tmp_path: Path, file: str, old: str, new: str, expected: list[str]
) -> None:
    assert problems(tmp_path, (file, old, new)) == expected


def test_two_schemas_with_one_name(tmp_path: Path) -> None:
    other = "components/schemas/shop/other.yaml"
    write_fragments(tmp_path, {other: "Order:\n  type: object\n  description: O.\n  properties: {}\n"})
    found = problems(tmp_path, (ORDER, ITEM, f"{ITEM}    other: {{$ref: 'other.yaml#/Order', description: O.}}\n"))
    assert found == [f"openapi/{other}:1: duplicate schema 'Order', also defined at openapi/{ORDER}:10"]


# --- shapes


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (ORDER, "  required: [item]", "  required: item", "4: 'required' must be a list of strings"),
        (ORDER, "      description: The goods.", "      description: 3", "8: 'description' must be a string"),
        (
            ORDER,
            "      description: The goods.",
            "      maxLength: '3'\n      description: D.",
            "8: 'maxLength' must be an integer",
        ),
        (ORDER, ITEM, "    item: string\n", "6: 'item' must be a mapping"),
        ("paths/orders.yaml", "  tags: [Shop]", "  tags: Shop", "3: 'tags' must be a list of strings"),
        ("paths/orders.yaml", "    required: true", "    required: 'yes'", "8: 'required' must be true or false"),
        ("openapi.yaml", "  - oauth: ['shop:write']", "  - oauth", "6: an item of 'security' must be a mapping"),
    ],
)
def test_a_value_of_the_wrong_shape(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    assert any(each.startswith(f"openapi/{file}:{expected}") for each in problems(tmp_path, (file, old, new)))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "openapi.yaml",
            "security:\n",
            "secuirty: []\nsecurity:\n",
            "5: unknown keyword 'secuirty' in the root; did you",
        ),
        ("paths/orders.yaml", "  tags:", "  x-paging: yes\n  tags:", "3: unknown keyword 'x-paging' in an operation"),
        (
            ORDER,
            "      x-identifier",
            "      x-identifer: true\n      x-identifier",
            "17: unknown keyword 'x-identifer'",
        ),
    ],
)
def test_a_keyword_that_the_compiler_does_not_know(
    tmp_path: Path, file: str, old: str, new: str, expected: str
) -> None:
    assert any(each.startswith(f"openapi/{file}:{expected}") for each in problems(tmp_path, (file, old, new)))
