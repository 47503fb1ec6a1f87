"""What the compiler reports about a broken schema or enum. How the cases work: test_diagnostics.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import ITEM, ORDER, SCHEMAS, problems, write_fragments

# --- schemas

ANY = "[array, boolean, integer, number, object, string, 'null']"


def member(text: str) -> tuple[str, str, str]:
    """Replace the only member of OrderRequest, whose key is on line 6."""
    return (ORDER, ITEM, f"    item:\n{text}")


TYPES = "array, boolean, integer, number, object, string"
SECOND_CONSTANT = "    more:\n      type: string\n      const: b\n      description: D.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("      type: string\n", "6: property 'item' has no description"),
        (
            "      description: D.\n",
            (
                "6: property 'item' has no type; that of any value is [array, boolean, integer, number, object, "
                "string, 'null']"
            ),
        ),
        (
            "      type: text\n      description: D.\n",
            f"7: type must be one of {TYPES}, or a list of different types and 'null'",
        ),
        (
            "      type: [string, string]\n      description: D.\n",
            f"7: type must be one of {TYPES}, or a list of different types and 'null'",
        ),
        (
            "      type: ['null']\n      description: D.\n",
            f"7: type must be one of {TYPES}, or a list of different types and 'null'",
        ),
        (
            "      type: [string, array]\n      items: {type: string}\n      description: D.\n",
            "7: an array or object can be combined with 'null' only",
        ),
        (
            "      type: [integer, boolean]\n      maxLength: 3\n      description: D.\n",
            "8: 'maxLength' does not apply to type integer or boolean",
        ),
        (
            "      type: [integer, string]\n      minimum: 3\n      maximum: 2\n      description: D.\n",
            "8: minimum is greater than maximum",
        ),
        (
            "      type: string\n      maxProperties: 3\n      description: D.\n",
            "8: 'maxProperties' does not apply to type string",
        ),
        (
            "      anyOf: []\n      description: D.\n",
            "6: property 'item' is an inline union; give it a name in a file of components/schemas/",
        ),
        (
            "      type: integer\n      maxLength: 3\n      description: D.\n",
            "8: 'maxLength' does not apply to type integer",
        ),
        (
            "      type: string\n      format: email\n      description: D.\n",
            "8: format must be one of binary, date, date-time, uri; describe any other",
        ),
        (
            "      type: string\n      pattern: '[a-'\n      description: D.\n",
            "8: pattern: not a regular expression: unterminated character set at position 0",
        ),
        (
            "      type: string\n      pattern: '\\s'\n      description: D.\n",
            "8: pattern: '\\s' has a different meaning in Python than in ECMA-262; write it out",
        ),
        (
            "      type: string\n      x-sensitive: card\n      description: D.\n",
            "8: x-sensitive must be one of cvv, none, pan, personal, secret",
        ),
        (
            "      type: string\n      enum: [a]\n      description: D.\n",
            "6: property 'item' is an inline enum; give it a name in a file of components/schemas/",
        ),
        (
            "      type: object\n      properties: {}\n      description: D.\n",
            "6: property 'item' is an inline object; give it a name in a file of components/schemas/",
        ),
        (
            "      oneOf: []\n      description: D.\n",
            "6: property 'item' is an inline union; give it a name in a file of components/schemas/",
        ),
        (
            "      type: object\n      description: D.\n",
            "6: property 'item' is an object without additionalProperties; add them, or use a named schema",
        ),
        ("      type: array\n      description: D.\n", "6: property 'item' is an array without items"),
        (
            "      type: array\n      items: {type: string, enum: [a]}\n      description: D.\n",
            "8: items of property 'item' is an inline enum; give it a name in a file of components/schemas/",
        ),
        (
            f"      type: string\n      const: a\n      description: D.\n{SECOND_CONSTANT}",
            "1: schema 'OrderRequest' can have only one constant, but has 'item' and 'more'",
        ),
        (
            f"      type: string\n      description: D.\n{SECOND_CONSTANT}",
            "9: 'more' is a constant, which is always sent, so it must be required",
        ),
        (
            (
                "      type: string\n      description: D.\n    more:\n      type: string\n      x-identifier: true\n"
                "      description: D.\n"
            ),
            "11: property 'more' is an identifier, so it must be required",
        ),
        (
            "      type: string\n      minLength: 3\n      maxLength: 2\n      description: D.\n",
            "8: minLength is greater than maxLength",
        ),
        (
            "      type: integer\n      default: true\n      description: D.\n",
            "8: default is not a valid value of this schema",
        ),
        (
            "      type: [string, 'null']\n      default: 1\n      description: D.\n",
            "8: default is not a valid value of this schema",
        ),
        (
            "      $ref: '#/OrderRequest'\n      maxLength: 3\n      description: D.\n",
            "8: 'maxLength' next to $ref has no effect; move it to the referenced schema",
        ),
        (
            "      $ref: '#/OrderRequest'\n      description: D.\n",
            "1: schema 'OrderRequest' requires itself, so it has no valid value",
        ),
    ],
)
def test_a_property(tmp_path: Path, text: str, expected: str) -> None:
    assert f"openapi/{ORDER}:{expected}" in problems(tmp_path, member(text))


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("type: array, items: {type: string}, minItems: -1", "minItems must not be negative"),
        ("type: string, maxLength: -1", "maxLength must not be negative"),
        ("type: number, multipleOf: 0", "multipleOf must be greater than 0"),
        ("type: number, multipleOf: -0.5", "multipleOf must be greater than 0"),
        ("type: integer, minimum: 1.5", "minimum of an integer must be an integer"),
        ("type: number, maximum: 1e400", "a number must be finite"),
        ("type: integer, maximum: 9223372036854775808", "an integer must fit in 64 bits with a sign"),
        ("type: integer, exclusiveMinimum: 3, maximum: 2", "exclusiveMinimum is greater than maximum"),
        (
            "type: integer, minimum: 1, exclusiveMinimum: 1",
            "'exclusiveMinimum' beside minimum is not supported; leave it out",
        ),
        ("type: string, const: a, maxLength: 3", "'maxLength' beside const is not supported; leave it out"),
        (
            "type: string, format: date, maxLength: 3",
            "'maxLength' beside format date is not supported; leave it out",
        ),
    ],
)
def test_a_limit_is_one_that_a_decoder_takes(tmp_path: Path, keywords: str, expected: str) -> None:
    text = f"      {{{keywords}, description: D.}}\n"
    assert f"openapi/{ORDER}:7: {expected}" in problems(tmp_path, member(text))


def enforced(marks: str) -> tuple[str, str, str]:
    """Give the only member of OrderRequest a limit on line 9 and these marks on line 10 and below."""
    return member(f"      type: string\n      description: D.\n      maxLength: 3\n      x-enforced:{marks}\n")


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (" {maxLength: goods have three letters}", []),
        (" {minLength: goods have a letter}", ["10: x-enforced: this schema has no limit 'minLength'"]),
        (" {maxlength: goods have three letters}", ["10: x-enforced: this schema has no limit 'maxlength'"]),
        (" {description: texts are read}", ["10: x-enforced: this schema has no limit 'description'"]),
        (
            "\n        maxLength: ' '",
            ["11: x-enforced: say what shows that the API refuses a value beyond 'maxLength'"],
        ),
        ("\n        maxLength: 3", ["11: 'maxLength' must be a string"]),
        ("\n        maxLength:", ["11: 'maxLength' must be a string"]),
        (" maxLength", ["10: 'x-enforced' must be a mapping"]),
    ],
)
def test_an_enforced_limit(tmp_path: Path, marks: str, expected: list[str]) -> None:
    assert problems(tmp_path, enforced(marks)) == [f"openapi/{ORDER}:{each}" for each in expected]


def test_an_enforced_limit_stands_in_the_schema_that_has_it(tmp_path: Path) -> None:
    text = "      $ref: '#/Order'\n      description: D.\n      x-enforced: {maxLength: goods have three letters}\n"
    message = "'x-enforced' next to $ref has no effect; move it to the referenced schema"
    assert f"openapi/{ORDER}:9: {message}" in problems(tmp_path, member(text))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  description: What to order.\n", "", ["1: schema 'OrderRequest' has no description"]),
        ("[item]", "[item, item]", ["4: required: duplicate 'item'"]),
        (
            "[item]",
            "[item]\n  maxProperties: 3",
            ["5: 'maxProperties' is for maps only, not for an object with properties"],
        ),
        (
            "[item]",
            "[item]\n  additionalProperties: {type: string}",
            ["5: 'additionalProperties' beside properties is not supported; leave it out"],
        ),
        (SCHEMAS[: SCHEMAS.index("Order:\n")], "OrderRequest:\n  type: string\n  description: D.\n", None),
    ],
)
def test_a_named_schema(tmp_path: Path, old: str, new: str, expected: list[str] | None) -> None:
    fallback = ["1: schema 'OrderRequest' must be an object with properties, an enum or a union"]
    found = problems(tmp_path, (ORDER, old, new))
    assert found == [f"openapi/{ORDER}:{each}" for each in expected or fallback]


def test_schemas_are_in_the_folder_of_an_api(tmp_path: Path) -> None:
    elsewhere = "components/schemas/store/order.yaml"
    write_fragments(tmp_path, {elsewhere: "Elsewhere:\n  type: object\n  description: E.\n  properties: {}\n"})
    found = problems(tmp_path, member("      $ref: '../store/order.yaml#/Elsewhere'\n      description: D.\n"))
    assert found == [
        f"openapi/{ORDER}:1: schema 'OrderRequest' refers to 'Elsewhere' of another API; move 'Elsewhere' to common",
        (
            f"openapi/{elsewhere}:1: 'components/schemas/store' contains schemas, so it must be a folder of "
            "components/schemas/ named common or shop"
        ),
    ]


EVENT = "components/schemas/webhooks/event.yaml"
HOOK = """\
webhooks:
  shipped:
    post:
      summary: Learn of it
      requestBody:
        required: true
        description: The event.
        content: {application/json: {schema: {$ref: 'components/schemas/webhooks/event.yaml#/Event'}}}
      responses: {'200': {description: Received.}}
components:
"""


def test_events_may_refer_to_any_api_and_no_api_to_events(tmp_path: Path) -> None:
    properties = "    order:\n      $ref: '../shop/order.yaml#/Order'\n      description: The order.\n"
    event = f"Event:\n  type: object\n  description: E.\n  properties:\n{properties}"
    write_fragments(tmp_path, {EVENT: event})
    assert problems(tmp_path, ("openapi.yaml", "components:\n", HOOK)) == []
    found = problems(
        tmp_path,
        ("openapi.yaml", "components:\n", HOOK),
        member("      $ref: '../webhooks/event.yaml#/Event'\n      description: D.\n"),
    )
    message = "schema 'OrderRequest' refers to 'Event' of another API; move 'Event' to common"
    assert found == [f"openapi/{ORDER}:1: {message}"]


def test_the_body_of_a_webhook_has_a_name_and_a_description(tmp_path: Path) -> None:
    hook = HOOK.replace("        description: The event.\n", "").replace(
        "{$ref: 'components/schemas/webhooks/event.yaml#/Event'}", "{type: string}"
    )
    assert problems(tmp_path, ("openapi.yaml", "components:\n", hook)) == [
        "openapi/openapi.yaml:13: the request body has no description",
        "openapi/openapi.yaml:15: the schema of a request body must be a $ref",
    ]


# --- enums

ENUM = """\
Kind:
  type: string
  description: A kind.
  enum: [a, b-c]
"""


def enum(text: str) -> tuple[str, str, str]:
    """Put an enum in front of the schemas and let the only member of OrderRequest be of that type."""
    kind = f"{text}{SCHEMAS}".replace(ITEM, "    item: {$ref: '#/Kind', description: D.}\n")
    return (ORDER, SCHEMAS, kind)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[a, b-c]", "[a, a]", ["4: duplicate enum value 'a'", "4: enum values 'a' and 'a' have the same name A"]),
        ("[a, b-c]", "[a, 1]", ["4: enum must be a list of strings; quote values that YAML does not read as strings"]),
        ("[a, b-c]", "[a]\n  maxLength: 2", ["5: 'maxLength' beside enum is not supported; leave it out"]),
        ("[a, b-c]", "[]", ["4: enum must be a list of strings; quote values that YAML does not read as strings"]),
        ("[a, b-c]", "[b_c, b-c]", ["4: enum values 'b_c' and 'b-c' have the same name B_C"]),
        ("[a, b-c]", "['01']", ["4: enum value '01' needs a name in upper snake case; add it to x-enum-varnames"]),
        ("[a, b-c]", "[a]\n  x-enum-varnames: [a]", ["4: enum value 'a' needs a name in upper snake case"]),
        ("[a, b-c]", "[a]\n  x-enum-varnames: [A, B]", ["5: x-enum-varnames has 2 names for 1 values"]),
        ("[a, b-c]", "[a]\n  x-enum-descriptions: {b: B.}", ["5: x-enum-descriptions: there is no value 'b'"]),
        ("[a, b-c]", "[a]\n  x-enum-aliases: {c: b}", ["5: x-enum-aliases: there is no value 'b'"]),
        ("[a, b-c]", "[a, c]\n  x-enum-aliases: {c: a}", ["5: x-enum-aliases: 'c' is a value itself"]),
    ],
)
def test_an_enum(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    found = problems(tmp_path, enum(ENUM.replace(old, new)))
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(f"openapi/{ORDER}:{start}")


def test_a_default_is_one_of_the_values_of_its_enum(tmp_path: Path) -> None:
    file, old, new = enum(ENUM)
    assert problems(tmp_path, (file, old, new.replace("description: D.", "description: D., default: a"))) == []
    assert problems(tmp_path, (file, old, new.replace("description: D.", "description: D., default: c"))) == [
        f"openapi/{ORDER}:10: default is not a valid value of this schema"
    ]
