"""What the compiler reports about a broken operation, and about names that collide.

How the cases work: test_diagnostics.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen.support import ITEM, LIBRARY, ORDER, PATH, ROOT, SCHEMAS, problems

# --- names


def test_fields_that_collide_in_python(tmp_path: Path) -> None:
    text = f"{ITEM}    3ds: {{type: string, description: A.}}\n    three_ds: {{type: string, description: B.}}\n"
    assert problems(tmp_path, (ORDER, ITEM, text)) == [
        f"openapi/{ORDER}:10: field of OrderRequest: 'three_ds' and '3ds' have the same Python name three_ds"
    ]


@pytest.mark.parametrize("name", ["2ds", "_meta", "class", "größe"])
def test_a_field_that_needs_a_python_name(tmp_path: Path, name: str) -> None:
    text = f"{ITEM}    {name}: {{type: string, description: A.}}\n"
    assert problems(tmp_path, (ORDER, ITEM, text)) == [
        f"openapi/{ORDER}:9: field of OrderRequest: '{name}' needs a Python name; add it to x-python-names"
    ]


def test_the_table_of_names_contains_python_names(tmp_path: Path) -> None:
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
        f"openapi/{ORDER}:1: 'OrderResponse' collides with the response class of 'Order', which is sent and received"
    ]


@pytest.mark.parametrize("name", ["order", "Order_Line", "Mapping", "Exception", "3DS"])
def test_a_schema_whose_name_is_not_a_class_name(tmp_path: Path, name: str) -> None:
    found = problems(
        tmp_path,
        (ORDER, "OrderRequest:", f"{name}:"),
        ("paths/orders.yaml", "#/OrderRequest", f"#/{name}"),
    )
    assert found == [f"openapi/{ORDER}:1: '{name}' is not a valid class name in a generated module; rename the schema"]


def test_functions_that_collide_in_python(tmp_path: Path) -> None:
    second = "put:" + PATH.removeprefix("post:")
    third = "get:" + PATH.removeprefix("post:").replace("request_order", "build_request_order")
    assert problems(tmp_path, ("paths/orders.yaml", PATH, PATH + second + third)) == [
        "openapi/paths/orders.yaml:20: function 'build_request_order' also comes from openapi/paths/orders.yaml:2",
        "openapi/paths/orders.yaml:20: function 'request_order' also comes from openapi/paths/orders.yaml:2",
        "openapi/paths/orders.yaml:38: function 'build_request_order' also comes from openapi/paths/orders.yaml:2",
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
        ("[Shop]", "[Shop, More]", "3: an operation needs exactly one tag: the API it belongs to"),
        ("[Shop]", "[]", "3: an operation needs exactly one tag: the API it belongs to"),
        ("[Shop]", "[Store]", "3: tag 'Store' is not declared in openapi.yaml"),
        ("'201'", "'301'", "13: an operation needs a success response (2..)"),
        ("'201'", "default", "14: 'default' is not a status code"),
        ("      description: The order.\n      c", "      c", "14: the response has no description"),
        ("    description: The order.\n    c", "    c", "7: the request body has no description"),
        ("application/json", "text/xml", "7: a request body needs exactly one media type, application/json, "),
        ("  x-id", "  security: []\n  x-id", "1: an operation needs security; add it here or in openapi.yaml"),
        ("  x-id", "  security: [{key: []}]\n  x-id", "6: security scheme 'key' is not declared in openapi.yaml"),
        ("  x-id", "  security: [{oauth: [x]}]\n  x-id", "6: scope 'x' is not one of security scheme 'oauth'"),
        (
            "  x-id",
            "  security: [{oauth: ['shop:write', 'shop:write']}]\n  x-id",
            "6: an alternative must have one scheme with at most one scope; split it into several",
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
                "      schema: {type: object, additionalProperties: {type: string}}\n  x-id"
            ),
            "7: parameter 'ids' must be a scalar or refer to an enum",
        ),
        (
            "  x-id",
            "  parameters:\n    - {name: timeout, in: query, description: D., schema: {type: string}}\n  x-id",
            "7: parameter 'timeout' would be called timeout, which is reserved in generated code",
        ),
        (
            "  x-id",
            (
                "  parameters:\n    - {name: X-A, in: query, description: D., schema: {type: string}}\n"
                "    - {name: x_a, in: query, description: D., schema: {type: string}}\n  x-id"
            ),
            "8: parameter 'x_a' and 'X-A' have the same Python name x_a",
        ),
    ],
)
def test_an_operation(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, (OPERATION, old, new))
    assert any(problem.startswith(f"openapi/{OPERATION}:{expected}") for problem in found), found


@pytest.mark.parametrize("limit", ["multipleOf: 5", "exclusiveMinimum: 0"])
def test_a_limit_that_is_not_checked_on_parameters(tmp_path: Path, limit: str) -> None:
    parameter = f"{{name: n, in: query, description: D., schema: {{type: integer, {limit}}}}}"
    assert problems(tmp_path, (OPERATION, "  x-id", f"  parameters:\n    - {parameter}\n  x-id")) == [
        f"openapi/{OPERATION}:7: '{limit.partition(':')[0]}' is not supported on a parameter"
    ]


# --- idempotency keys

KEY = "x-idempotency: key"
HEADER = (
    "{name: X-Key, in: header, description: D., schema: {type: string}, x-role: idempotency-key, x-key-lifetime: 60}"
)


@pytest.mark.parametrize(
    ("idempotency", "parameter", "expected"),
    [
        (KEY, None, "6: x-idempotency: key needs one header parameter with `x-role: idempotency-key`"),
        (
            "x-idempotency: none",
            HEADER,
            "6: operation post /orders has an idempotency key, so it needs x-idempotency: key",
        ),
        (KEY, HEADER.replace("header", "query"), "8: an idempotency key must be an optional header of type string"),
        (KEY, HEADER.replace("string", "integer"), "8: an idempotency key must be an optional header of type string"),
        (KEY, HEADER.replace("in:", "required: true, in:"), "8: an idempotency key must be an optional header of type"),
        (KEY, HEADER.replace("idempotency-key", "key"), "8: x-role must be idempotency-key"),
        (KEY, HEADER.replace(", x-key-lifetime: 60", ""), "8: an idempotency key needs an x-key-lifetime"),
        (KEY, HEADER.replace("60", "0"), "8: an idempotency key needs an x-key-lifetime"),
    ],
)
def test_an_idempotency_key(tmp_path: Path, idempotency: str, parameter: str | None, expected: str) -> None:
    text = f"{idempotency}\n  parameters:\n    - {parameter}\n" if parameter else f"{idempotency}\n"
    found = problems(tmp_path, (OPERATION, "x-idempotency: none\n", text))
    assert any(problem.startswith(f"openapi/{OPERATION}:{expected}") for problem in found), found


def test_the_reference_is_a_member_of_the_body(tmp_path: Path) -> None:
    assert problems(tmp_path, (OPERATION, "  x-id", "  x-reference: item\n  x-id")) == []
    assert problems(tmp_path, (OPERATION, "  x-id", "  x-reference: name\n  x-id")) == [
        f"openapi/{OPERATION}:6: the request body has no member 'name'"
    ]


def test_an_operation_takes_one_idempotency_key(tmp_path: Path) -> None:
    second = HEADER.replace("X-Key", "Y-Key")
    text = f"{KEY}\n  parameters:\n    - {HEADER}\n    - {second}\n"
    assert problems(tmp_path, (OPERATION, "x-idempotency: none\n", text)) == [
        f"openapi/{OPERATION}:6: x-idempotency: key needs one header parameter with `x-role: idempotency-key`"
    ]


# --- pages

LIST, SEARCH = "paths/loans.yaml", "paths/loans_search.yaml"
PAGES = "components/schemas/library/pages.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (LIST, "style: skip", "style: number", "9: x-pagination: style must be one of link, skip"),
        (LIST, "    total: total_count\n", "", "9: x-pagination: style skip needs 'total'"),
        (SEARCH, "    next: [_links, next, href]\n", "", "9: x-pagination: style link needs 'next'"),
        (
            SEARCH,
            "    items: data\n",
            "    items: data\n    skip: s\n",
            "12: x-pagination: 'skip' has no meaning with ",
        ),
        (
            LIST,
            "x-idempotency: safe",
            "x-idempotency: natural",
            "8: x-pagination: only an operation with x-idempotency: safe can be",
        ),
        (
            LIST,
            "'200'",
            "'404'",
            "12: x-pagination: paging needs exactly one success response, whose body is an object",
        ),
        (
            LIST,
            "items: data",
            "items: loans",
            "12: x-pagination: the response has no member 'loans' that is an array of",
        ),
        (LIST, "limit: page-size", "limit: size", "10: x-pagination: the operation has no parameter 'size'"),
        (LIST, "skip: skip", "skip: since", "11: x-pagination: 'since' must be an optional integer in the query"),
        (
            LIST,
            "total: total_count",
            "total: data",
            "13: x-pagination: the response has no member 'data' that is an integer",
        ),
        (SEARCH, "limit: limit", "limit: title", "10: x-pagination: the request body has no member 'title' that is an"),
        (SEARCH, "next, href]", "next]", "12: x-pagination: the response has no member '_links.next' that is a string"),
        (
            SEARCH,
            "next, href]",
            "last, href]",
            "12: x-pagination: the response has no member '_links.last.href' that is",
        ),
        (LIST, "iterate_loans", "iterateLoans", "8: iterator 'iterateLoans' is not a Python name in lower snake case"),
        (
            LIST,
            "iterate_loans",
            "list_loans",
            "8: function 'list_loans' also comes from openapi/paths/loans.yaml:2",
        ),
        (LIST, "iterate_loans", "by_link", "8: 'by_link' is reserved in generated modules; choose another name"),
        (SEARCH, "[_links, next, href]", "_links", "12: 'next' must be a list of strings"),
        (
            PAGES,
            "      x-identifier: true\n",
            "",
            "12: x-pagination: 'data' needs `x-identifier: true`: a response without it",
        ),
    ],
)
def test_pages(tmp_path: Path, file: str, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, (file, old, new), of=LIBRARY)
    place = LIST if file == PAGES else file
    assert any(problem.startswith(f"openapi/{place}:{expected}") for problem in found), found


def test_the_items_of_pages_have_an_identifier(tmp_path: Path) -> None:
    loan = "components/schemas/library/loan.yaml"
    message = "x-pagination: 'Loan' needs one x-identifier that is a string, to detect repeated items"
    assert problems(tmp_path, (loan, "      x-identifier: true\n", ""), of=LIBRARY) == [
        f"openapi/{LIST}:12: {message}",
        f"openapi/{SEARCH}:11: {message}",
    ]


@pytest.mark.parametrize("name", ["max_items", "position", "fetch"])
def test_a_parameter_called_like_a_part_of_an_iterator(tmp_path: Path, name: str) -> None:
    library = "components/parameters/library.yaml"
    assert problems(tmp_path, (library, "name: since", f"name: {name}"), of=LIBRARY) == [
        f"openapi/{library}:40: parameter '{name}' would be called {name}, which is reserved in generated code"
    ]


# --- other requirements of operations


def test_a_path_parameter_that_is_not_declared(tmp_path: Path) -> None:
    assert problems(tmp_path, ("openapi.yaml", "/orders:", "'/orders/{id}':")) == [
        "openapi/paths/orders.yaml:1: path parameter 'id' is not declared"
    ]


def test_a_form_contains_strings_only(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        (OPERATION, "application/json", "application/x-www-form-urlencoded"),
        (ORDER, "      type: string\n", "      type: integer\n"),
    )
    assert found == ["openapi/paths/orders.yaml:11: a form can contain only strings, but 'item' is not a string"]


def test_a_tag_without_an_operation(tmp_path: Path) -> None:
    more = "  - {name: Shop, description: Orders.}\n  - {name: Store, description: S.}\n"
    assert problems(tmp_path, ("openapi.yaml", "  - {name: Shop, description: Orders.}\n", more)) == [
        "openapi/openapi.yaml:5: unused tag 'Store': no operation uses it"
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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("orders", "must begin with a slash, or it would change the host"),
        (".evil.example/orders", "must begin with a slash, or it would change the host"),
        ("@evil.example/orders", "must begin with a slash, or it would change the host"),
        *(
            (path, "is not an absolute path of RFC 3986 without dot segments")
            for path in (
                "//evil.example/orders",
                "/orders?all=1",
                "/orders#all",
                "/my orders",
                "/order%zz",
                "/orders\\all",
                "/örders",
                "/a/../orders",
                "/a/%2E%2e/orders",
                "/orders/{",
                "/orders/{}",
            )
        ),
    ],
)
def test_a_path_stays_on_its_host(tmp_path: Path, path: str, expected: str) -> None:
    found = problems(tmp_path, ("openapi.yaml", "  /orders:", f"  '{path}':"))
    assert f"openapi/openapi.yaml:8: path '{path}' {expected}" in found


@pytest.mark.parametrize("path", ["/", "/orders/", "/v1.0/orders:all", "/~a/%C3%B6"])
def test_a_path_of_rfc_3986_is_a_path(tmp_path: Path, path: str) -> None:
    assert problems(tmp_path, ("openapi.yaml", "  /orders:", f"  '{path}':")) == []


# --- servers and credentials

IGNORED = (
    "`servers` would be ignored here: only openapi.yaml, and the path item that `tokenUrl` leads to, name the servers "
    "that calls go to"
)
SERVERS = "servers: [{url: 'https://a.example', x-environment: live}]\n"
SCHEMES = "components/securitySchemes/all.yaml"


def test_servers_that_no_call_goes_to(tmp_path: Path) -> None:
    found = problems(tmp_path, ("paths/orders.yaml", "post:\n", f"{SERVERS}post:\n"))
    assert found == [f"openapi/paths/orders.yaml:1: {IGNORED}"]


def test_servers_of_a_callback_and_of_a_webhook(tmp_path: Path) -> None:
    inner = f"{{{SERVERS.strip()}, post: {{requestBody: {{$ref: x}}}}}}"
    call = f"  callbacks: {{done: {{'{{$request.body#/url}}': {inner}}}}}\n  responses:\n"
    call = call.replace("{$ref: x}", "{description: It., content: {application/json: {schema: {$ref: '%s'}}}}")
    call = call.replace("%s", "../components/schemas/shop/order.yaml#/OrderRequest")
    assert IGNORED in str(problems(tmp_path, ("paths/orders.yaml", "  responses:\n", call)))


def test_the_token_endpoint_may_have_servers_of_its_own(tmp_path: Path) -> None:
    changes = [("paths/orders.yaml", "post:\n", f"{SERVERS}post:\n"), (SCHEMES, "example/token", "example/orders")]
    assert problems(tmp_path, *changes) == []


def test_two_servers_of_one_environment(tmp_path: Path) -> None:
    twice = "servers:\n  - {url: 'https://a.example', x-environment: live}\n"
    twice += "  - {url: 'https://b.example', x-environment: live}\n"
    assert problems(tmp_path, ("openapi.yaml", "tags:\n", f"{twice}tags:\n")) == [
        "openapi/openapi.yaml:5: another server has the environment 'live' already"
    ]


@pytest.mark.parametrize(
    ("name", "scheme", "key", "value"),
    [
        ("sessionSecret", "{type: apiKey, in: header, name: X-Secret, description: A.}", "name", "Authorization"),
        ("sessionSecret", "{type: apiKey, in: query, name: Authorization, description: A.}", "in", "header"),
        ("secretKey", "{type: http, scheme: basic, description: A.}", "scheme", "bearer"),
    ],
    ids=["header", "query", "basic"],
)
def test_credentials_that_the_client_would_send_otherwise(
    tmp_path: Path, name: str, scheme: str, key: str, value: str
) -> None:
    entry = f"    {name}: {{$ref: '{SCHEMES}#/{name}'}}\n"
    root = ROOT.replace("x-python-names", f"{entry}x-python-names")
    root = root.replace("paths:\n", f"  - {name}: []\npaths:\n", 1)
    assert problems(tmp_path, ("openapi.yaml", ROOT, root), (SCHEMES, "oauth:\n", f"{name}: {scheme}\noauth:\n")) == [
        (
            f"openapi/{SCHEMES}:1: the client sends '{name}' with `{key}: {value}` only: a credential that is "
            "sent otherwise needs another name, and code in the client"
        )
    ]


def test_the_name_of_a_header_has_no_case(tmp_path: Path) -> None:
    entry = f"    sessionSecret: {{$ref: '{SCHEMES}#/sessionSecret'}}\n"
    root = ROOT.replace("x-python-names", f"{entry}x-python-names")
    root = root.replace("paths:\n", "  - sessionSecret: []\npaths:\n", 1)
    scheme = "sessionSecret: {type: apiKey, in: header, name: authorization, description: A.}\noauth:\n"
    assert problems(tmp_path, ("openapi.yaml", ROOT, root), (SCHEMES, "oauth:\n", scheme)) == []


@pytest.mark.parametrize("url", ["http://[x/token", "https://shop.example"])
def test_a_token_url_without_a_path(tmp_path: Path, url: str) -> None:
    assert problems(tmp_path, (SCHEMES, "https://shop.example/token", url)) == [
        f"openapi/{SCHEMES}:5: `tokenUrl` must be a URL with a path: https://HOST/PATH"
    ]
