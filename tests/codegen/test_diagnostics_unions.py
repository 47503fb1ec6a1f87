"""What the compiler reports about invalid unions and alternatives.

How the cases work: test_diagnostics.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import ITEM, LIBRARY, ORDER, SCHEMAS, problems

# --- unions

UNION = """\
Payment:
  description: How to pay.
  oneOf:
    - $ref: '#/Card'
    - $ref: '#/Cash'
  discriminator:
    propertyName: type
    mapping:
      card: '#/Card'
      cash: '#/Cash'
Card:
  type: object
  description: By card.
  required: [type]
  properties:
    type: {type: string, const: card, description: T.}
    amount: {type: integer, description: A.}
Cash:
  type: object
  description: In cash.
  required: [type]
  properties:
    type: {type: string, const: cash, description: T.}
    amount: {type: integer, description: A.}
"""


def union(old: str, new: str) -> tuple[str, str, str]:
    """Put a changed union in front of the schemas and let the only member of OrderRequest be of that type."""
    assert old in UNION
    text = UNION.replace(old, new, 1) + SCHEMAS.replace(ITEM, "    item: {$ref: '#/Payment', description: D.}\n")
    return (ORDER, SCHEMAS, text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    type: {type: string, const: card, description: T.}\n",
            "",
            [
                "11: variant 'Card' has no property 'type', which is the discriminator",
                "14: required: there is no property 'type'",
            ],
        ),
        ("const: card, ", "", ["16: the discriminator 'type' of variant 'Card' needs `const: card`"]),
        ("const: card", "const: crad", ["16: const must be 'card', the value of 'Card' in the mapping"]),
        ("  required: [type]\n", "", ["15: the discriminator 'type' of variant 'Card' must be required"]),
        ("    propertyName: type\n", "", None),
        ("  discriminator:", "  discriminaotr:", ["6: unknown keyword 'discriminaotr' in a schema; did you mean"]),
        ("      cash: '#/Cash'\n", "", ["5: discriminator: 'Cash' is not in the mapping"]),
        ("    - $ref: '#/Cash'\n", "", ["9: discriminator: 'Cash' is not in oneOf"]),
        ("    - $ref: '#/Card'\n", "    - $ref: '#/Card'\n    - type: string\n", ["5: a variant of union 'Payment'"]),
    ],
)
def test_a_union(tmp_path: Path, old: str, new: str, expected: list[str] | None) -> None:
    fallback = ["1: union 'Payment' needs a discriminator with propertyName and mapping"]
    found = problems(tmp_path, union(old, new))
    for start in expected or fallback:
        assert any(problem.startswith(f"openapi/{ORDER}:{start}") for problem in found), found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("$ref: '#/Money', ", "$ref: '#/Order', "),
        ("$ref: '#/Money', ", "type: array, items: {type: string}, "),
        ("type: array, items: {type: integer}, ", "type: array, items: {type: string}, "),
        ("$ref: '#/Money', ", "type: object, additionalProperties: {type: string}, "),
    ],
)
def test_the_types_of_a_member_must_be_mergeable_if_the_variants_are_received(
    tmp_path: Path, first: str, second: str
) -> None:
    file, old, new = union("amount: {type: integer, ", f"amount: {{{first}")
    new = new.replace("amount: {type: integer, ", f"amount: {{{second}")
    new += "Money: {type: object, description: M., properties: {value: {type: integer, description: V.}}}\n"
    new = new.replace("    item: {", "    money: {$ref: '#/Money', description: M.}\n    item: {")
    received = new.replace("    id:\n", "    paid: {$ref: '#/Payment', description: P.}\n    id:\n")
    assert problems(tmp_path, (file, old, new)) == []
    assert problems(tmp_path, (file, old, received)) == [
        f"openapi/{ORDER}:24: 'Cash' and 'Card' are received as one object, but no type holds both their 'amount'"
    ]


# --- alternatives

LOANS = "components/schemas/library/request.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            LOANS,
            "    DonationRequest: [donor, kind]\n",
            "",
            ["1: x-recognised-by of 'LoanOrDonationRequest' must list the"],
        ),
        (
            LOANS,
            "    LoanRequest: []\n",
            "",
            ["1: x-recognised-by of 'LoanOrDonationRequest' must list the names in anyOf"],
        ),
        (LOANS, "[donor, kind]", "[giver]", ["7: x-recognised-by: 'DonationRequest' has no property 'giver'"]),
        (
            LOANS,
            "[donor, kind]",
            "[]",
            ["8: x-recognised-by: 'LoanRequest' is never chosen, because 'DonationRequest' comes before it"],
        ),
        (
            LOANS,
            "    - $ref: '#/LoanRequest'\n",
            "    - type: object\n",
            [
                "1: x-recognised-by of 'LoanOrDonationRequest' must list the names in anyOf, in the same order",
                "5: an alternative of 'LoanOrDonationRequest' is inline; give it a name",
            ],
        ),
        (
            LOANS,
            "$ref: '#/LoanRequest'\n",
            "$ref: '../common/book.yaml#/BookState'\n",
            [
                "1: x-recognised-by of 'LoanOrDonationRequest' must list the names in anyOf, in the same order",
                "5: alternative 'BookState' must be an object with properties",
            ],
        ),
        (
            LOANS,
            "    days:\n",
            "    days: {$ref: '#/LoanOrDonationRequest', description: D.}\n    nights:\n",
            ["48: schema 'RenewalRequest' refers to 'LoanOrDonationRequest', but alternatives are allowed in"],
        ),
    ],
)
def test_alternatives(tmp_path: Path, file: str, old: str, new: str, expected: list[str]) -> None:
    found = problems(tmp_path, (file, old, new), of=LIBRARY)
    for start in expected:
        assert any(problem.startswith(f"openapi/{LOANS}:{start}") for problem in found), found


def test_alternatives_are_not_for_replies(tmp_path: Path) -> None:
    loan = "$ref: '../components/schemas/library/loan.yaml#/Loan'"
    change = ("paths/loans.yaml", loan, "$ref: '../components/schemas/library/request.yaml#/LoanOrDonationRequest'")
    assert problems(tmp_path, change, of=LIBRARY) == [
        f"openapi/{LOANS}:1: alternatives 'LoanOrDonationRequest' are received; use a union with a discriminator"
    ]


def test_alternatives_are_not_for_forms(tmp_path: Path) -> None:
    body = "description: The loan or the donation.\n    content:\n      application/"
    change = ("paths/loans.yaml", f"{body}json", f"{body}x-www-form-urlencoded")
    assert problems(tmp_path, change, of=LIBRARY) == [
        "openapi/paths/loans.yaml:34: alternatives are allowed in bodies of type application/json only"
    ]
