"""What the compiler reports about an example that its schema does not describe.

How the cases work: test_diagnostics.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import ITEM, LIBRARY, ORDER, SCHEMAS, problems, write_fragments

BODY = "        schema: {$ref: '../components/schemas/shop/order.yaml#/OrderRequest'}\n"
REPLY = "          schema: {$ref: '../components/schemas/shop/order.yaml#/Order'}\n"
TEXT = 'the value is not of type "string"'
WHEN = "    item: {type: string, format: date-time, description: When.}\n"


def test_a_valid_example_is_no_problem(tmp_path: Path) -> None:
    example = "        examples: {tea: {value: {item: tea}}}\n"
    assert problems(tmp_path, ("paths/orders.yaml", BODY, BODY + example)) == []


@pytest.mark.parametrize(
    ("value", "defect"),
    [
        ("{}", '/: "item" is a required property'),
        ("{item: 1}", f"/item: {TEXT}"),
        ("{item: tomorrow}", '/item: the value is not a "date-time"'),
    ],
)
def test_an_example_of_a_request_with_a_defect(tmp_path: Path, value: str, defect: str) -> None:
    example = f"        examples:\n          tea:\n            value: {value}\n"
    found = problems(tmp_path, ("paths/orders.yaml", BODY, BODY + example), (ORDER, ITEM, WHEN))
    assert found == [f"openapi/paths/orders.yaml:15: example 'tea' does not match its schema: {defect}"]


def test_every_defect_of_a_reply_is_reported(tmp_path: Path) -> None:
    example = "          example: {id: 1, next: 2}\n"
    order = SCHEMAS + "    next: {type: string, description: N.}\n"
    found = problems(tmp_path, ("paths/orders.yaml", REPLY, REPLY + example), (ORDER, SCHEMAS, order))
    assert found == [
        f"openapi/paths/orders.yaml:19: example 'example' does not match its schema: {name}: {TEXT}"
        for name in ("/id", "/next")
    ]


def test_an_example_in_a_file_is_reported_where_the_fragments_refer_to_it(tmp_path: Path) -> None:
    write_fragments(tmp_path, {"examples/tea.json": '{"item": null}'})
    example = "        examples:\n          tea:\n            externalValue: ../examples/tea.json\n"
    found = problems(tmp_path, ("paths/orders.yaml", BODY, BODY + example))
    assert found == [f"openapi/paths/orders.yaml:15: example 'tea' does not match its schema: /item: {TEXT}"]


def test_of_alternatives_the_nearest_one_says_what_is_wrong(tmp_path: Path) -> None:
    """A loan without a donor is no donation, so what it lacks for one is not reported."""
    path = "paths/loans.yaml"
    schema = "          $ref: '../components/schemas/library/request.yaml#/LoanOrDonationRequest'\n"
    example = "        examples:\n          far:\n            value: {reader: Jo, shelf: behind}\n"
    (found,) = problems(tmp_path, (path, schema, schema + example), of=LIBRARY)
    assert found.startswith("openapi/paths/loans.yaml:43: example 'far' does not match its schema: /shelf: ")
