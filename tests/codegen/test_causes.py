"""One mistake gives few problems, the cause first; and where a keyword is refused, the rule is stated."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.compiler import compile_document
from codegen.diagnostics import SpecificationError
from tests.codegen.support import INPUTS, ITEM, ORDER, SCHEMAS, SHOP, problems, write_fragments

LARGE = {
    path.relative_to(INPUTS / "shop" / "openapi").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((INPUTS / "shop" / "openapi").rglob("*.*"))
}


@pytest.mark.parametrize("file", [name for name in LARGE if name.endswith(".yaml")])
def test_a_tab_is_the_only_problem_wherever_it_is(tmp_path: Path, file: str) -> None:
    lines = LARGE[file].split("\n")
    for number, line in enumerate(lines):
        if line.startswith("  ") and not line.lstrip().startswith("-"):
            broken = "\n".join([*lines[:number], "\t" + line.lstrip(), *lines[number + 1 :]])
            (found,) = problems(tmp_path, (file, LARGE[file], broken), of=LARGE)
            assert found.startswith(f"openapi/{file}:"), found
            break


@pytest.mark.costly
@pytest.mark.parametrize("file", [name for name in LARGE if name.endswith(".yaml")])
@pytest.mark.parametrize("value", ["3", "zzz", "[zz]"])
def test_a_wrong_value_gives_at_most_three_problems_and_one_in_its_own_file_first(
    tmp_path: Path, file: str, value: str
) -> None:
    lines = LARGE[file].split("\n")
    tried = [number for number, line in enumerate(lines) if ": " in line and "#" not in line][::7]
    for number in tried or [0]:
        key = lines[number].partition(":")[0]
        broken = "\n".join([*lines[:number], f"{key}: {value}", *lines[number + 1 :]])
        found = problems(tmp_path, (file, LARGE[file], broken), of=LARGE)
        assert len(found) <= 3, found


def test_a_tag_that_is_not_declared_is_reported_in_three_places(tmp_path: Path) -> None:
    assert problems(tmp_path, ("openapi.yaml", "name: Shop", "name: Store"), of=LARGE) == [
        "openapi/paths/orders.yaml:3: tag 'Shop' is not declared in openapi.yaml",
        "openapi/paths/orders.yaml:22: tag 'Shop' is not declared in openapi.yaml",
        "openapi/paths/orders_{id}.yaml:5: tag 'Shop' is not declared in openapi.yaml; the same in another place",
    ]


def test_problems_in_different_files_are_reported_together(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ("paths/orders.yaml", "x-idempotency: none", "x-idempotency: never"),
        (ORDER, "    item:\n      type: string\n", "    item:\n      tpye: string\n"),
    )
    assert found == [
        f"openapi/{ORDER}:7: unknown keyword 'tpye' in a schema; did you mean 'type'?",
        "openapi/paths/orders.yaml:6: x-idempotency must be one of key, natural, none, safe, not 'never'",
    ]


def test_a_missing_line_above_many_keys_is_few_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, ("paths/orders.yaml", "post:\n", "")) == [
        "openapi/paths/orders.yaml:1: unknown keyword 'operationId' in a path item",
        "openapi/paths/orders.yaml:2: unknown keyword 'tags' in a path item",
        "openapi/paths/orders.yaml:5: unknown keyword 'x-idempotency' in a path item; so are 2 more here",
    ]
    assert problems(tmp_path, (ORDER, "Order:\n", "")) == [
        f"openapi/{ORDER}:9: duplicate key 'type', first on line 2, and 3 more after it"
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (ORDER, "  required: [item]", "  allOf: []", "4: 'allOf' is not supported: write the members of all its parts"),
        (
            ORDER,
            ITEM,
            ITEM + "      nullable: true\n",
            "9: 'nullable' is not supported: write `type: [string, 'null']`",
        ),
        (ORDER, ITEM, ITEM + "      example: tea\n", "9: 'example' is not supported: write `examples`, a list"),
        (ORDER, ITEM, ITEM + "      xml: {name: item}\n", "9: 'xml' is not supported: leave it out"),
        (
            ORDER,
            "  required: [item]",
            "  additionalProperties: false",
            "4: 'additionalProperties' must be a mapping: leave it out of an object with properties",
        ),
        (
            ORDER,
            ITEM,
            ITEM + "      exclusiveMinimum: true\n",
            "9: 'exclusiveMinimum' must be a number: write the limit itself",
        ),
        (ORDER, ITEM, ITEM + "      required: true\n", "9: 'required' must be a list of strings: true or false is for"),
        (
            "paths/orders.yaml",
            "  requestBody:",
            "  parameters:\n    - {name: a, in: cookie, description: D., schema: {type: string}}\n  requestBody:",
            "8: parameter 'a' must be in path, query or header; the client keeps and sends no cookies",
        ),
        (
            "components/securitySchemes/all.yaml",
            "clientCredentials:",
            "implicit:",
            "5: 'implicit' is not supported: only clientCredentials is supported",
        ),
    ],
)
def test_the_rule_is_stated_where_a_keyword_is_refused(
    tmp_path: Path, file: str, old: str, new: str, expected: str
) -> None:
    found = problems(tmp_path, (file, old, new))
    assert found[0].startswith(f"openapi/{file}:{expected}")
    assert len(found) <= 3


STRAY = "stray file, which is not read"
RENAME = "a fragment ends in .yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("paths/refunds.yml", RENAME),
        ("components/schemas/shop/more.yml", RENAME),
        ("openapi.yml", RENAME),
        ("notes.txt", STRAY),
        ("schemas/order.yaml", STRAY),
        ("components/order.yaml", STRAY),
        ("paths/orders.json", STRAY),
        ("components/schemas/shop/order.yaml.orig", STRAY),
        ("examples/order.yaml", STRAY),
    ],
)
def test_a_file_that_no_run_would_read_is_named(tmp_path: Path, name: str, message: str) -> None:
    write_fragments(tmp_path, {name: "a: b\n"})
    (found,) = problems(tmp_path)
    assert found.startswith(f"openapi/{name}:1: {message}")


def test_files_that_belong_beside_the_fragments_are_not_stray(tmp_path: Path) -> None:
    beside = ("README.md", "examples/README.md", "examples/shop/a.json", "redocly.yaml", "contract.json", ".order.swp")
    write_fragments(tmp_path, dict.fromkeys(beside, "{}"))
    assert problems(tmp_path) == []


def test_examples_of_schemas_and_parameters_match_their_schema(tmp_path: Path) -> None:
    where = "  parameters:\n    - {name: a, in: query, description: D., schema: {type: integer}, example: one}\n"
    text = SCHEMAS.replace(ITEM, ITEM + "      examples: [tea, 3]\n")
    write_fragments(tmp_path, {**SHOP, ORDER: text, "paths/orders.yaml": SHOP["paths/orders.yaml"] + where})
    with pytest.raises(SpecificationError) as caught:
        compile_document(tmp_path / "openapi")
    assert [str(problem) for problem in caught.value.problems] == [
        f"openapi/{ORDER}:9: example '2' does not match its schema: /: the value is not of type \"string\"",
        (
            "openapi/paths/orders.yaml:20: example 'example' does not match its schema: /: the value is not of type "
            '"integer"'
        ),
    ]
