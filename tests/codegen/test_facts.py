"""What the package itself reads of the API is stated in the fragments: headers and members by role, and currencies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from codegen.compiler import compile_document
from codegen.diff import compare_versions
from codegen.emit_facts import emit_facts
from codegen.emit_packages import emit_scopes
from codegen.revisions import read_version
from tests.codegen.support import ORDER, PATH, ROOT, SCHEMAS, SECURITY, SHOP, problems, write_fragments

CURRENCIES = """\
source: https://shop.example/amounts
date: '2026-11-28'
other: 2
decimals:
  '0': [JPY]
  '3': [KWD]
steps:
  '10': [KWD]
"""
REPLIES = """\
    '422':
      description: A problem.
      headers:
        Shop-Id: {description: Its identifier., schema: {type: string}, x-role: request-id, x-sensitive: none}
        Shop-Key: {description: Another., schema: {type: string}}
      content:
        application/json:
          schema: {$ref: '../components/schemas/shop/order.yaml#/Problem'}
"""
PROBLEM = """\
Problem:
  type: object
  description: Why not.
  properties:
    id: {type: string, description: The identifier., x-role: request-id}
    kind: {type: string, description: The kind., x-role: error-type}
    reasons: {type: array, description: The reasons., items: {type: string}, x-role: error-codes}
"""
WEBHOOKS = """\
webhooks:
  order:
    post:
      operationId: receive_order
      summary: Receive an order
      description: Receives one.
      parameters:
        - {name: Shop-Signature, in: header, description: It., schema: {type: string}, x-role: signature}
      requestBody:
        required: true
        description: The order.
        content:
          application/json:
            schema: {$ref: 'components/schemas/shop/order.yaml#/Order'}
      responses: {'200': {description: Received.}}
"""
PATHS = "paths/orders.yaml"
OWN = {
    **SHOP,
    "openapi.yaml": ROOT.replace("components:\n", f"{WEBHOOKS}x-currencies: {{$ref: currencies.yaml}}\ncomponents:\n"),
    "currencies.yaml": CURRENCIES,
    PATHS: PATH + REPLIES,
    ORDER: SCHEMAS + PROBLEM,
}


def constants(root: Path, fragments: dict[str, str]) -> dict[str, object]:
    """Return the constants that are generated from fragments."""
    found: dict[str, object] = {}
    exec(emit_facts(compile_document(write_fragments(root, fragments) / "openapi")), found)
    return {name: value for name, value in found.items() if name.isupper()}


def test_names_and_currencies_are_those_of_the_fragments(tmp_path: Path) -> None:
    assert constants(tmp_path, OWN) == {
        "REQUEST_ID_HEADER": "Shop-Id",
        "SIGNATURE_HEADER": "Shop-Signature",
        "ERROR_REQUEST_ID": "id",
        "ERROR_TYPE": "kind",
        "ERROR_CODES": "reasons",
        "KEY_HEADERS": (),
        "VISIBLE_HEADERS": ("Shop-Id",),
        "DECIMALS": {"JPY": 0, "KWD": 3},
        "OTHER_DECIMALS": 2,
        "STEPS": {"KWD": 10},
    }


def test_an_api_that_states_none_has_empty_ones(tmp_path: Path) -> None:
    found = constants(tmp_path, dict(SHOP))
    assert found.pop("OTHER_DECIMALS") == 2
    assert not any(found.values())


@pytest.mark.parametrize("listed", [("shop:write", "shop:read"), ()], ids=["two", "none"])
def test_the_documented_scopes_are_those_of_the_type(tmp_path: Path, listed: tuple[str, ...]) -> None:
    stated = ", ".join(f"'{each}': Text." for each in listed)
    changed = {"components/securitySchemes/all.yaml": SECURITY.replace("'shop:write': Writing.", stated)}
    root = ROOT if listed else ROOT.replace("['shop:write']", "[]")
    folder = write_fragments(tmp_path, {**SHOP, **changed, "openapi.yaml": root}) / "openapi"
    found: dict[str, Any] = {}
    exec(emit_scopes(compile_document(folder)), found)
    assert found["SCOPES"] == listed
    assert found["Scope"] == (Literal[listed] | str if listed else str)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            PATHS,
            "x-role: request-id",
            "x-role: id",
            f"openapi/{PATHS}:22: x-role must be request-id",
        ),
        (
            PATHS,
            "x-sensitive: none",
            "x-sensitive: secret",
            f"openapi/{PATHS}:22: header 'Shop-Id': x-sensitive must be none",
        ),
        (
            PATHS,
            "Another., schema: {type: string}",
            "Another., schema: {type: string}, x-role: request-id",
            f"openapi/{PATHS}:23: x-role: 'Shop-Key' has the role that 'Shop-Id' has at openapi/{PATHS}:22",
        ),
        (
            ORDER,
            "x-role: error-type",
            "x-role: error",
            f"openapi/{ORDER}:23: x-role must be request-id or error-type or error-codes",
        ),
        (
            ORDER,
            "description: The goods.",
            "description: The goods.\n      x-role: error-type",
            f"openapi/{ORDER}:9: property 'item': x-role is for the body of an error",
        ),
        ("openapi.yaml", "x-role: signature", "x-role: mark", "openapi/openapi.yaml:16: x-role must be signature"),
        ("currencies.yaml", "[JPY]", "[jpy]", "'jpy' is not a currency code of three capital letters (ISO 4217)"),
        ("currencies.yaml", "[JPY]", "[KWD]", "openapi/currencies.yaml:6: decimals: 'KWD' also stands under '0'"),
        ("currencies.yaml", "'10'", "ten", "steps: 'ten' is not a whole number that an amount can have"),
        ("currencies.yaml", "other: 2\n", "", "openapi/currencies.yaml:1: the table of currencies has no other"),
        ("openapi.yaml", "x-currencies: {$ref: currencies.yaml}\n", "", "unused file: openapi.yaml does not refer to"),
    ],
)
def test_mistakes_are_reported_with_their_line(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    (problem,) = problems(tmp_path, (file, old, new), of=OWN)
    assert expected in problem


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "currencies.yaml",
            "'0': [JPY]",
            "'0': [JPY, KRW]",
            "SILENT amount facts.KRW: is counted with 0 decimals instead of 2 decimals (currencies.yaml:3 -> :5)",
        ),
        (
            "currencies.yaml",
            "'10'",
            "'100'",
            (
                "SILENT amount facts.KWD: is counted with 3 decimals, in steps of 100 instead of 3 decimals, in steps "
                "of 10 (currencies.yaml:6 -> :6)"
            ),
        ),
        (
            ORDER,
            "kind: {type",
            "type: {type",
            "SILENT read-name facts.ERROR_TYPE: is read from type instead of kind (order.yaml:23 -> :23)",
        ),
        (
            PATHS,
            ", x-sensitive: none",
            "",
            (
                "SILENT visible-header facts.Shop-Id: is hidden in logs, reprs and traces instead of shown "
                "(orders.yaml:22 -> :22)"
            ),
        ),
    ],
)
def test_a_change_of_them_is_silent(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    after = {**OWN, file: OWN[file].replace(old, new)}
    sides = [write_fragments(tmp_path / name, each) for name, each in (("old", OWN), ("new", after))]
    found = compare_versions(*(read_version(str(side), tmp_path) for side in sides))
    shown = [f"{each.key} ({each.old.rpartition('/')[2]} -> :{each.new.rpartition(':')[2]})" for each in found]
    assert expected in shown
    assert len(found) == 1 or file == ORDER  # the member of a class has another name, too
