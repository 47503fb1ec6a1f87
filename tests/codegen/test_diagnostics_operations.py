"""What the compiler says about a broken operation, and about names that collide.

How the cases work: test_diagnostics.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import ITEM, ORDER, PATH, ROOT, SCHEMAS, problems

# --- names


def test_fields_that_collide_in_python(tmp_path: Path) -> None:
    text = f"{ITEM}    3ds: {{type: string, description: A.}}\n    three_ds: {{type: string, description: B.}}\n"
    assert problems(tmp_path, (ORDER, ITEM, text)) == [
        f"openapi/{ORDER}:10: field of OrderRequest: 'three_ds' and '3ds' are both called three_ds"
    ]


@pytest.mark.parametrize("name", ["2ds", "_meta", "class", "größe"])
def test_a_field_that_needs_a_python_name(tmp_path: Path, name: str) -> None:
    text = f"{ITEM}    {name}: {{type: string, description: A.}}\n"
    assert problems(tmp_path, (ORDER, ITEM, text)) == [
        f"openapi/{ORDER}:9: field of OrderRequest: '{name}' needs a Python name, in x-python-names of openapi.yaml"
    ]


def test_the_table_of_names_holds_python_names(tmp_path: Path) -> None:
    assert problems(tmp_path, ("openapi.yaml", "3ds: three_ds", "3ds: 3DS")) == [
        "openapi/openapi.yaml:12: '3DS' is not a Python name in lower snake case"
    ]


def test_classes_that_collide_in_python(tmp_path: Path) -> None:
    """An object sent and received becomes two classes, the second called after the first."""
    text = SCHEMAS.replace("OrderRequest:", "OrderResponse:")
    both = text + "  # sent and received\n"
    path = PATH.replace("#/OrderRequest", "#/Order")
    received = both.replace("    id:\n", "    next: {$ref: '#/OrderResponse', description: N.}\n    id:\n")
    assert problems(tmp_path, (ORDER, SCHEMAS, received), ("paths/orders.yaml", PATH, path)) == [
        f"openapi/{ORDER}:1: 'OrderResponse' collides with the class for the 'Order' of replies, which is sent as well"
    ]


@pytest.mark.parametrize("name", ["order", "Order_Line", "Mapping", "Exception", "3DS"])
def test_a_schema_whose_name_is_no_class_name(tmp_path: Path, name: str) -> None:
    found = problems(
        tmp_path,
        (ORDER, "OrderRequest:", f"{name}:"),
        ("paths/orders.yaml", "#/OrderRequest", f"#/{name}"),
    )
    assert found == [f"openapi/{ORDER}:1: '{name}' cannot be the name of a class in a generated module"]


def test_functions_that_collide_in_python(tmp_path: Path) -> None:
    second = "put:" + PATH.removeprefix("post:")
    third = "get:" + PATH.removeprefix("post:").replace("request_order", "build_request_order")
    assert problems(tmp_path, ("paths/orders.yaml", PATH, PATH + second + third)) == [
        "openapi/paths/orders.yaml:20: function 'build_request_order' is already made from openapi/paths/orders.yaml:2",
        "openapi/paths/orders.yaml:20: function 'request_order' is already made from openapi/paths/orders.yaml:2",
        "openapi/paths/orders.yaml:38: function 'build_request_order' is already made from openapi/paths/orders.yaml:2",
    ]


# --- operations

OPERATION = "paths/orders.yaml"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  operationId: request_order\n", "", "1: operation post /orders has no operationId"),
        ("request_order", "requestOrder", "2: operationId 'requestOrder' is not a Python name in lower snake case"),
        ("  x-idempotency: none\n", "", "1: operation post /orders has no x-idempotency"),
        ("  summary: Place an order\n", "", "1: operation post /orders has no summary"),
        ("  description: Places an order.\n", "", "1: operation post /orders has no description"),
        ("[Shop]", "[Shop, More]", "3: an operation needs exactly one tag, the API it belongs to"),
        ("[Shop]", "[]", "3: an operation needs exactly one tag, the API it belongs to"),
        ("[Shop]", "[Store]", "3: tag 'Store' is not declared in openapi.yaml"),
        ("'201'", "'301'", "13: an operation needs a success response (2..)"),
        ("'201'", "default", "14: 'default' is not a status code"),
        ("      description: The order.\n      c", "      c", "14: the response has no description"),
        ("    description: The order.\n    c", "    c", "7: the request body has no description"),
        ("application/json", "text/xml", "7: a request body needs exactly one media type, application/json or "),
        ("  x-id", "  security: []\n  x-id", "1: an operation needs security, its own or that of openapi.yaml"),
        ("  x-id", "  security: [{key: []}]\n  x-id", "6: security scheme 'key' is not declared in openapi.yaml"),
        ("  x-id", "  security: [{oauth: [x]}]\n  x-id", "6: scope 'x' is not one of security scheme 'oauth'"),
        (
            "  x-id",
            "  security: [{oauth: ['shop:write', 'shop:write']}]\n  x-id",
            "6: one scheme with one scope to an alternative; list each alternative on its own",
        ),
        (
            "  x-id",
            (
                "  parameters:\n    - {name: id, in: path, required: true, description: D., schema: {type: string}}\n"
                "  x-id"
            ),
            "7: path parameter 'id' does not occur in /orders",
        ),
        (
            "  x-id",
            "  parameters:\n    - {name: id, in: cookie, description: D., schema: {type: string}}\n  x-id",
            "7: parameter 'id' must be in path, query or header",
        ),
        (
            "  x-id",
            "  parameters:\n    - {name: id, in: query, schema: {type: string}}\n  x-id",
            "7: parameter 'id' has no description",
        ),
        (
            "  x-id",
            (
                "  parameters:\n    - name: ids\n      in: query\n      description: D.\n"
                "      schema: {type: array, items: {type: string}}\n  x-id"
            ),
            "7: parameter 'ids' must be a scalar or refer to an enum",
        ),
        (
            "  x-id",
            "  parameters:\n    - {name: timeout, in: query, description: D., schema: {type: string}}\n  x-id",
            "7: parameter 'timeout' is called timeout, which every call has already",
        ),
        (
            "  x-id",
            (
                "  parameters:\n    - {name: X-A, in: query, description: D., schema: {type: string}}\n"
                "    - {name: x_a, in: query, description: D., schema: {type: string}}\n  x-id"
            ),
            "8: parameter 'x_a' and 'X-A' are both called x_a",
        ),
    ],
)
def test_an_operation(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, (OPERATION, old, new))
    assert any(problem.startswith(f"openapi/{OPERATION}:{expected}") for problem in found), found


def test_a_path_parameter_that_is_not_declared(tmp_path: Path) -> None:
    assert problems(tmp_path, ("openapi.yaml", "/orders:", "'/orders/{id}':")) == [
        "openapi/paths/orders.yaml:1: path parameter 'id' of /orders/{id} is not declared"
    ]


def test_a_form_holds_text_only(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        (OPERATION, "application/json", "application/x-www-form-urlencoded"),
        (ORDER, "      type: string\n", "      type: integer\n"),
    )
    assert found == ["openapi/paths/orders.yaml:11: a form holds text only, and 'item' is something else"]


def test_a_tag_without_an_operation(tmp_path: Path) -> None:
    more = "  - {name: Shop, description: Orders.}\n  - {name: Store, description: S.}\n"
    assert problems(tmp_path, ("openapi.yaml", "  - {name: Shop, description: Orders.}\n", more)) == [
        "openapi/openapi.yaml:5: unused tag 'Store': no operation has it"
    ]


def test_a_tag_without_a_description(tmp_path: Path) -> None:
    assert problems(tmp_path, ("openapi.yaml", "{name: Shop, description: Orders.}", "{name: Shop}")) == [
        "openapi/openapi.yaml:4: tag 'Shop' has no description"
    ]


def test_another_version_of_openapi(tmp_path: Path) -> None:
    assert "openapi: 3.1.0" in ROOT
    assert problems(tmp_path, ("openapi.yaml", "openapi: 3.1.0", "openapi: 3.0.3")) == [
        "openapi/openapi.yaml:1: openapi must be 3.1.x"
    ]
