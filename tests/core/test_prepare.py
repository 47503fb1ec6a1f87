"""A call becomes exactly one HTTP request, or InvalidRequest before anything is sent."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import replace
from enum import Enum
from typing import Any, cast, get_args
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from checkout_async._core.model import RequestModel
from checkout_async._core.parameters import Parameter, list_parameter, optional_parameter
from checkout_async._core.prepare import prepare, user_agent
from checkout_async._core.wire import ApiRequest, BodyFormat, CallOptions, HttpRequest
from checkout_async.config import Validation
from checkout_async.errors import ConfigurationError, InvalidRequest
from tests.core.models import CLOSE_SHOP, PAY, PLACE_ORDER, CardSource, Link, Order, Payout

BASE = "https://api.example"
BODY = {"source": {"type": "token", "token": "t"}}


def prepared(request: ApiRequest[Any], *, validate: Validation = "strict") -> HttpRequest:
    return prepare(request, BASE.__add__, "tests/1", validate=validate)


def place_order(shop: str = "s1", **options: Any) -> ApiRequest[Any]:
    return ApiRequest(
        operation=PLACE_ORDER,
        path=(Parameter(name="shop", value=shop),),
        body=BODY,
        options=CallOptions(**options),
    )


def test_a_request_holds_method_url_headers_and_body() -> None:
    http = prepared(place_order())
    assert (http.method, http.url) == ("POST", "https://api.example/shops/s1/orders")
    assert http.body == b'{"source":{"type":"token","token":"t"}}'
    assert dict(http.headers) == {
        "Accept": "application/json",
        "User-Agent": "tests/1",
        "Content-Type": "application/json",
    }


def test_an_operation_without_a_body_sends_none() -> None:
    http = prepared(ApiRequest(operation=CLOSE_SHOP, path=(Parameter(name="shop", value="s1"),)))
    assert http.body is None
    assert "Content-Type" not in http.headers


def test_a_request_says_whether_it_may_be_sent_twice() -> None:
    assert not prepared(place_order()).is_idempotent
    assert prepared(ApiRequest(operation=PAY)).is_idempotent
    assert prepared(ApiRequest(operation=CLOSE_SHOP)).is_idempotent


@pytest.mark.parametrize("extra_body", [None, BODY])
def test_a_required_body_cannot_be_left_out(extra_body: dict[str, object] | None) -> None:
    request = ApiRequest(operation=PLACE_ORDER, options=CallOptions(extra_body=extra_body))
    with pytest.raises(InvalidRequest, match=r"\$: Expected `object`, got `null`"):
        prepared(request, validate="shape")


def test_a_body_is_checked_at_the_level_of_the_call() -> None:
    wrong = structs.replace(place_order(), body={"amount": -1})
    assert prepared(wrong, validate="off").body == b'{"amount":-1}'
    with pytest.raises(InvalidRequest):
        prepared(wrong, validate="shape")


def test_query_parameters_are_encoded() -> None:
    request = ApiRequest(
        operation=CLOSE_SHOP,
        path=(Parameter(name="shop", value="s1"),),
        query=(Parameter(name="reference", value="a&b=c d"),),
    )
    assert prepared(request).url == "https://api.example/shops/s1?reference=a%26b%3Dc%20d"


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_identifier_stays_one_path_segment(shop: str) -> None:
    try:
        url = prepared(place_order(shop)).url
    except InvalidRequest:
        assert any("\ud800" <= character <= "\udfff" for character in shop)
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "api.example", "", "")
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "shops", shop, "orders"]


@pytest.mark.parametrize("shop", ["", ".", ".."])
def test_an_empty_or_dot_identifier_is_refused(shop: str) -> None:
    with pytest.raises(InvalidRequest, match=r"place_order: shop .*dot segment") as caught:
        prepared(place_order(shop), validate="off")
    assert caught.value.path == "shop"


def test_a_parameter_must_match_its_pattern() -> None:
    shop = Parameter(name="shop", value="4242424242424242", pattern=r"^s\d\Z")
    with pytest.raises(InvalidRequest) as caught:
        prepared(ApiRequest(operation=CLOSE_SHOP, path=(shop,)))
    assert str(caught.value) == r'close_shop: shop must match ^s\d$ (pass validate="off" to send it all the same)'
    assert prepared(ApiRequest(operation=CLOSE_SHOP, path=(shop,)), validate="off").url.endswith("/4242424242424242")


def test_a_caller_can_add_headers() -> None:
    assert prepared(place_order(headers={"X-Trace": "a b"})).headers["X-Trace"] == "a b"


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "accept-encoding",
        "Authorization",
        "connection",
        "Content-Encoding",
        "content-length",
        "Content-Type",
        "Expect",
        "HOST",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "upgrade",
        "User-Agent",
    ],
)
def test_a_caller_cannot_set_a_header_of_the_client(name: str) -> None:
    with_key = ApiRequest(operation=PAY, options=CallOptions(headers={name: "canary"}))
    for request in (place_order(headers={name: "canary"}), with_key):
        with pytest.raises(InvalidRequest, match="is one that the client sets itself") as caught:
            prepared(request)
        assert caught.value.path == name
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "a:b", "a\r\nb", "", "é"])
def test_an_invalid_header_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a valid header name"):
        prepared(place_order(headers={name: "x"}))


def test_a_header_cannot_be_set_twice_in_different_letter_case() -> None:
    with pytest.raises(InvalidRequest, match=r"'x-trace' .* is already set"):
        prepared(place_order(headers={"X-Trace": "a", "x-trace": "b"}))


def test_a_parameter_of_the_operation_that_is_a_header_is_sent() -> None:
    request = structs.replace(place_order(), headers=(Parameter(name="Cko-Version", value="2", argument="version"),))
    assert prepared(request).headers["Cko-Version"] == "2"
    broken = structs.replace(request, headers=(Parameter(name="Cko-Version", value="2\n", argument="version"),))
    with pytest.raises(InvalidRequest, match="version"):
        prepared(broken)


def test_a_caller_cannot_set_a_header_that_is_a_parameter_of_the_operation() -> None:
    version = Parameter(name="Cko-Version", value="2")
    request = structs.replace(place_order(headers={"cko-version": "1"}), headers=(version,))
    with pytest.raises(InvalidRequest, match=r"'cko-version' .* is already set"):
        prepared(request)


@pytest.mark.parametrize("value", ["", "a\r\nHost: evil", "a\nb", "a\x00", " a", "a ", "é"])
def test_a_header_value_that_could_start_another_header_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(InvalidRequest, match="printable ASCII") as caught:
        prepared(place_order(headers={"X-Trace": value}))
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "value", "wrong", "reason"),
    [
        ({"min_length": 2}, "ab", "a", "2 characters or more"),
        ({"max_length": 2}, "ab", "abc", "2 characters or fewer"),
        ({"minimum": 1}, "1", "0", "1 or more"),
        ({"maximum": 100}, "100", "101", "100 or less"),
    ],
)
@pytest.mark.parametrize("place", ["path", "query", "headers"])
def test_a_parameter_must_keep_its_limits(
    place: str, limits: dict[str, Any], value: str, wrong: str, reason: str
) -> None:
    def request(value: str) -> ApiRequest[Any]:
        changed: dict[str, Any] = {place: (Parameter(name="limit", value=value, **limits),)}
        return structs.replace(ApiRequest(operation=CLOSE_SHOP, path=(Parameter(name="shop", value="s1"),)), **changed)

    prepared(request(value))
    with pytest.raises(InvalidRequest, match=rf"close_shop: limit must (be|have) {reason}") as caught:
        prepared(request(wrong))
    assert caught.value.path == "limit"
    prepared(request(wrong), validate="off")


def test_only_an_enforced_limit_is_checked_by_default() -> None:
    shop = Parameter(name="shop", value="s123", max_length=2, pattern=r"^s", enforced=("pattern",))
    request = ApiRequest(operation=CLOSE_SHOP, path=(shop,))
    assert prepared(request, validate="shape").url.endswith("/s123")
    with pytest.raises(InvalidRequest, match="2 characters or fewer"):
        prepared(request, validate="strict")
    with pytest.raises(InvalidRequest, match=r"must match \^s"):
        prepared(ApiRequest(operation=CLOSE_SHOP, path=(structs.replace(shop, value="x"),)), validate="shape")


def test_a_call_sets_its_own_level() -> None:
    wrong = Parameter(name="limit", value="0", minimum=1)
    options = CallOptions(validate="strict")
    with pytest.raises(InvalidRequest, match="1 or more"):
        prepared(ApiRequest(operation=CLOSE_SHOP, query=(wrong,), options=options), validate="off")
    unknown = CallOptions(validate=cast("Any", "loose"))
    with pytest.raises(InvalidRequest, match="validate must be one of shape, strict, off"):
        prepared(ApiRequest(operation=CLOSE_SHOP, options=unknown))


class TestAlternatives:
    def test_a_struct_is_checked_against_its_own_type(self) -> None:
        assert prepared(ApiRequest(operation=PAY, body=Payout(destination="d", amount=1))).body == (
            b'{"destination":"d","amount":1}'
        )
        with pytest.raises(InvalidRequest, match=r"\$\.source\.number"):
            prepared(ApiRequest(operation=PAY, body=Order(source=CardSource(number="1"))))

    def test_a_mapping_is_checked_against_the_alternative_whose_members_it_has(self) -> None:
        with pytest.raises(InvalidRequest, match=r"\$: .*missing required field `amount`"):
            prepared(ApiRequest(operation=PAY, body={"destination": "d"}))
        with pytest.raises(InvalidRequest, match=r"missing required field `source`"):
            prepared(ApiRequest(operation=PAY, body={"amount": 1}))

    def test_another_struct_is_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="unknown field"):
            prepared(ApiRequest(operation=PAY, body=CardSource(number="4242424242424242")))

    def test_another_struct_is_checked_against_the_last_alternative(self) -> None:
        class Nothing(RequestModel):
            pass

        with pytest.raises(InvalidRequest, match="missing required field `source`"):
            prepared(ApiRequest(operation=PAY, body=Nothing()))

    def test_an_optional_body_that_is_left_out_is_not_sent(self) -> None:
        http = prepared(ApiRequest(operation=PAY))
        assert http.body is None
        assert "Content-Type" not in http.headers


class TestExtraBody:
    def test_an_optional_body_may_consist_of_it_alone(self) -> None:
        request = ApiRequest(
            operation=replace(PAY, request=Link, alternatives=()), options=CallOptions(extra_body={"a": 1})
        )
        assert prepared(request, validate="off").body == b'{"a":1}'

    def test_a_call_without_a_body_refuses_it(self) -> None:
        request = ApiRequest(operation=CLOSE_SHOP, options=CallOptions(extra_body={"a": 1}))
        with pytest.raises(InvalidRequest, match="extra_body is for operations with a JSON body"):
            prepared(request)

    def test_a_form_refuses_it(self) -> None:
        form = replace(PLACE_ORDER, body_format=BodyFormat.FORM)
        with pytest.raises(InvalidRequest, match="extra_body is for operations with a JSON body"):
            prepared(ApiRequest(operation=form, body=BODY, options=CallOptions(extra_body={"a": "1"})))

    def test_it_must_be_a_mapping(self) -> None:
        options = CallOptions(extra_body=cast("Any", [1]))
        with pytest.raises(InvalidRequest, match="must be a mapping"):
            prepared(ApiRequest(operation=PLACE_ORDER, body=BODY, options=options))

    def test_its_values_are_never_shown(self) -> None:
        request = ApiRequest(operation=PLACE_ORDER, body=BODY, options=CallOptions(extra_body={"pin": "canary"}))
        assert "canary" not in f"{request!r} {request.options.extra_body!r}"


class TestIdempotencyKey:
    def test_an_operation_that_honours_a_key_gets_one(self) -> None:
        keys = {prepared(ApiRequest(operation=PAY)).headers["Cko-Idempotency-Key"] for _ in range(3)}
        assert len(keys) == 3

    def test_a_callers_own_key_is_sent(self) -> None:
        request = ApiRequest(operation=PAY, options=CallOptions(idempotency_key="order 5023"))
        assert prepared(request).headers["Cko-Idempotency-Key"] == "order 5023"

    def test_an_operation_that_does_not_gets_none(self) -> None:
        assert "Cko-Idempotency-Key" not in prepared(place_order()).headers

    def test_the_key_cannot_be_set_as_a_header(self) -> None:
        with pytest.raises(InvalidRequest, match="is already set"):
            prepared(ApiRequest(operation=PAY, options=CallOptions(headers={"cko-idempotency-key": "x"})))

    @pytest.mark.parametrize("name", ["Cko-Idempotency-Key", "cko-idempotency-key", "Idempotency-Key"])
    def test_a_key_as_a_header_is_refused_where_none_is_honoured(self, name: str) -> None:
        with pytest.raises(InvalidRequest, match="honours no idempotency key") as caught:
            prepared(place_order(headers={name: "canary"}))
        assert caught.value.path == name
        assert "canary" not in str(caught.value)

    def test_a_key_in_a_header_that_the_api_does_not_read_is_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="pass the key as idempotency_key"):
            prepared(ApiRequest(operation=PAY, options=CallOptions(headers={"Idempotency-Key": "x"})))


class TestLinks:
    @pytest.mark.parametrize(
        "link", ["https://api.example/payments/search/x?token=a%2Fb", "/payments/search/x?token=a%2Fb"]
    )
    def test_a_link_of_the_api_is_read(self, link: str) -> None:
        http = prepared(ApiRequest(operation=PLACE_ORDER, link=link))
        assert (http.method, http.url) == ("GET", "https://api.example/payments/search/x?token=a%2Fb")
        assert http.body is None

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/payments",
            "https://api.example.evil.example/payments",
            "https://api.example@evil.example/",
            "http://api.example/payments",
            "https://api.example/../x",
            "/../x",
            "https://api.example/a b",
            "https://api.example/a\r\nHost: evil",
            "",
        ],
    )
    def test_a_link_that_leads_away_is_refused(self, link: str) -> None:
        with pytest.raises(InvalidRequest, match="leads away from the API"):
            prepared(ApiRequest(operation=PLACE_ORDER, link=link))

    def test_a_link_without_a_scheme_stays_a_path_of_the_api(self) -> None:
        http = prepared(ApiRequest(operation=PLACE_ORDER, link="//evil.example/payments"))
        assert http.url == "https://api.example//evil.example/payments"


WRONG = {
    "shop": place_order(shop=cast("Any", 5)),
    "extra_body": ApiRequest(operation=CLOSE_SHOP, options=CallOptions(extra_body={"a": 1})),
    "validate": place_order(validate="loose"),
    "idempotency_key": ApiRequest(operation=PAY, options=CallOptions(idempotency_key="a\n")),
    "headers": place_order(headers=5),
    "Host": place_order(headers={"Host": "x"}),
    "Idempotency-Key": place_order(headers={"Idempotency-Key": "x"}),
    "X-Trace": place_order(headers={"X-Trace": "a\n"}),
    "limit": ApiRequest(operation=CLOSE_SHOP, query=(Parameter(name="limit", value="0", minimum=1),)),
    "link": ApiRequest(operation=PLACE_ORDER, link=cast("Any", 5)),
    "$": ApiRequest(operation=PLACE_ORDER, link="https://evil.example/"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_refusal_names_operation_place_and_reason(path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepared(WRONG[path])
    error = caught.value
    assert (error.operation, error.path) == (WRONG[path].operation.name, path)
    assert error.reason
    assert str(error).startswith(f"{error.operation}: ")
    assert error.reason in str(error)


class TestWrongTypes:
    """An argument of a wrong type is named in the error, before anything is sent."""

    @pytest.mark.parametrize("value", [None, 5, b"x", ["x"]])
    def test_an_identifier_or_key_that_is_not_text_is_refused(self, value: Any) -> None:
        for request in (
            place_order(shop=value),
            ApiRequest(operation=PAY, options=CallOptions(idempotency_key=5)),  # type: ignore[arg-type]  # on purpose
            place_order(headers={"X": 5}),
        ):
            with pytest.raises(InvalidRequest, match="must be text, not"):
                prepared(request)

    @pytest.mark.parametrize("value", ["ten", "nan", ""])
    def test_text_that_is_not_a_number_is_within_no_limits(self, value: str) -> None:
        shop, limit = Parameter(name="shop", value="s1"), Parameter(name="limit", value=value, minimum=1)
        with pytest.raises(InvalidRequest, match="limit must be 1 or more"):
            prepared(ApiRequest(operation=CLOSE_SHOP, path=(shop,), query=(limit,)))

    def test_a_lone_surrogate_is_refused_without_being_shown(self) -> None:
        with pytest.raises(InvalidRequest, match="lone surrogate"):
            prepared(place_order("\ud800"))
        query = (Parameter(name="reference", value="\ud800"),)
        with pytest.raises(InvalidRequest, match="reference contains a lone surrogate and cannot be encoded"):
            prepared(ApiRequest(operation=CLOSE_SHOP, path=(Parameter(name="shop", value="s1"),), query=query))


class TestUserAgent:
    def test_it_names_the_package_and_python(self) -> None:
        assert re.fullmatch(r"checkout-async/\S+ Python/3\.\d+\.\d+\S*", user_agent(None))

    def test_the_application_comes_first(self) -> None:
        assert user_agent("my-shop/1.2 till/7") == f"my-shop/1.2 till/7 {user_agent(None)}"

    def test_a_product_name_is_text(self) -> None:
        with pytest.raises(ConfigurationError, match="application must be str, not int"):
            user_agent(cast("Any", 5))

    @pytest.mark.parametrize(
        "name", ["", " shop", "shop ", "my  shop", "shop/", "a/b/c", "shop (x)", "a\r\nb", "käse", "a\n"]
    )
    def test_a_malformed_product_name_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="application must be a product name"):
            user_agent(name)


@pytest.mark.parametrize(
    ("options", "argument", "path"),
    [
        ({"extra_body": {"source": {"token": "x"}}}, "extra_body", "$.source.token"),
        ({"extra_body": {"new": object()}}, "extra_body", "extra_body"),
        ({"headers": {"Host": "x"}}, "headers", "Host"),
        ({"headers": {"Idempotency-Key": "x"}}, "headers", "Idempotency-Key"),
        ({"validate": "lax"}, "validate", "validate"),
        ({"idempotency_key": 5}, "idempotency_key", "idempotency_key"),
    ],
    ids=["in both", "not JSON", "reserved header", "key header", "level", "key"],
)
def test_an_invalid_request_names_the_argument(options: dict[str, Any], argument: str, path: str) -> None:
    request = ApiRequest(operation=PAY, body=BODY, options=CallOptions(**options))
    with pytest.raises(InvalidRequest) as caught:
        prepared(request)
    assert (caught.value.argument, caught.value.path) == (argument, path)


def test_an_invalid_request_names_the_body_and_the_parameter() -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepared(ApiRequest(operation=PAY, body={"source": {"type": "token"}}))
    assert (caught.value.argument, caught.value.path) == ("body", "$.source")
    with pytest.raises(InvalidRequest) as caught:
        prepared(place_order(".."))
    assert (caught.value.argument, caught.value.path) == ("shop", "shop")
    copied = pickle.loads(pickle.dumps(caught.value))
    assert copied.argument == "shop"


class Own(str, Enum):  # noqa: UP042 - not StrEnum, whose members are written as their values
    """An enum of an application: `str` and formatting give `Own.SHOP`, and JSON has the value."""

    SHOP = "shop"
    KEY = "key-1"


def test_a_member_of_an_enum_stands_for_its_value_everywhere() -> None:
    parameters = (
        Parameter(name="a", value=Own.SHOP),
        *optional_parameter("b", Own.SHOP),
        *list_parameter("c", [Own.SHOP]),
    )
    request = ApiRequest(
        operation=PAY,
        query=parameters,
        headers=parameters[:1],
        body=BODY,
        options=CallOptions(idempotency_key=Own.KEY, headers={"X-Trace": Own.SHOP}),
    )
    http = prepared(request)
    assert urlsplit(http.url).query == "a=shop&b=shop&c=shop"
    assert [f"{http.headers[each]}" for each in ("a", "X-Trace")] == ["shop", "shop"]
    assert f"{http.idempotency_key}" == "key-1"
    assert prepared(place_order(Own.SHOP)).url.endswith("/shops/shop/orders")


ODD = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("level", get_args(Validation))
@pytest.mark.parametrize("number", ODD, ids=str)
@pytest.mark.parametrize("where", ["path", "query", "headers"])
def test_a_number_that_is_not_finite_is_no_parameter(where: str, number: float, level: Validation) -> None:
    parameters = optional_parameter("the-amount", number, argument="amount", minimum=1)
    with pytest.raises(InvalidRequest, match="amount must be a finite number") as caught:
        prepared(structs.replace(place_order(), **{where: parameters}), validate=level)
    assert (caught.value.argument, caught.value.reason) == ("amount", "must be a finite number")


@pytest.mark.parametrize("level", get_args(Validation))
@pytest.mark.parametrize("number", ODD, ids=str)
@pytest.mark.parametrize("joined", [False, True])
def test_a_list_in_the_query_has_finite_numbers_only(number: float, joined: bool, level: Validation) -> None:
    query = list_parameter("amounts", iter([1, number]), joined=joined)
    with pytest.raises(InvalidRequest, match="amounts must be a finite number") as caught:
        prepared(structs.replace(place_order(), query=query), validate=level)
    assert caught.value.argument == "amounts"


@pytest.mark.parametrize("level", get_args(Validation))
@pytest.mark.parametrize("number", ODD, ids=str)
def test_no_json_has_a_number_that_is_not_finite(number: float, level: Validation) -> None:
    for body, extra, argument in (
        ({**BODY, "amount": number}, None, "body"),
        ({**BODY, "metadata": {"a": [{"b": number}]}}, None, "body"),
        (BODY, {"note": [number]}, "extra_body"),
    ):
        with pytest.raises(InvalidRequest, match="must be a finite number") as caught:
            prepared(structs.replace(place_order(extra_body=extra), body=body), validate=level)
        assert caught.value.argument == argument


@pytest.mark.parametrize("level", get_args(Validation))
@pytest.mark.parametrize("name", [5, None, b"purpose", ("a",)], ids=repr)
def test_the_members_of_a_form_with_files_have_texts_for_names(name: object, level: Validation) -> None:
    upload = replace(PLACE_ORDER, body_format=BodyFormat.MULTIPART)
    request = structs.replace(place_order(), operation=upload, body={name: "x"})
    with pytest.raises(InvalidRequest, match="the names of the members must be texts"):
        prepared(request, validate=level)
