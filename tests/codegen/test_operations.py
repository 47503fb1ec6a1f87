"""What the generated functions do: they build a request, send it through a `Sender`, and return the value."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec
import pytest

from checkout_async import CheckoutClient, SecretKey, errors
from checkout_async._core.parameters import Parameter
from checkout_async._core.wire import ApiRequest, ApiResponse, BodyFormat, CallOptions, Idempotency
from checkout_async.config import RetryPolicy
from codegen.write import GENERATED
from tests.codegen.support import GOLDEN, PATH, ROOT, generate, import_generated

T = TypeVar("T")


class FakeSender:
    """Records requests and returns a value."""

    def __init__(self, value: object) -> None:
        self.requests: list[object] = []
        self._value = value

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        self.requests.append(request)
        value: T = self._value  # type: ignore[assignment]  # a fake returns what it was given
        return ApiResponse(value=value, status=200, headers={}, request_id=None, body=b"")


class Modules:
    """The generated modules of the golden shop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def module(name: str) -> ModuleType:
            return import_generated(GOLDEN / "shop" / GENERATED, name, monkeypatch)

        module("models.common")
        self.models = module("models.shop")
        self.return_models = module("models.returns")
        self.shop = module("operations.shop")
        self.returns = module("operations.returns")
        self.resource = module("resources.shop")


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> Modules:
    """Return the generated modules of the golden shop."""
    return Modules(monkeypatch)


async def test_a_function_sends_its_request_and_returns_the_value(generated: Modules) -> None:
    order = generated.models.Order(id="ord_1234")
    sender = FakeSender(order)
    assert await generated.shop.get_order(sender, "ord_1234") is order
    assert sender.requests == [generated.shop.build_get_order("ord_1234")]


async def test_an_operation_without_a_body_in_its_reply_returns_nothing(generated: Modules) -> None:
    sender = FakeSender(None)
    assert await generated.shop.cancel_order(sender, "ord_1234") is None
    assert sender.requests == [generated.shop.build_cancel_order("ord_1234")]
    assert generated.shop.CANCEL_ORDER.responses == {204: None}


async def test_a_resource_class_has_the_functions_as_methods(generated: Modules) -> None:
    order = generated.models.Order(id="ord_1234")
    sender = FakeSender(order)
    shop = generated.resource.ShopResource(sender)
    assert await shop.get_order("ord_1234", session_secret="sek", timeout=3) is order
    assert sender.requests == [generated.shop.build_get_order("ord_1234", session_secret="sek", timeout=3)]
    for name in ("list_orders", "request_order", "get_order", "cancel_order"):
        method, function = getattr(generated.resource.ShopResource, name), getattr(generated.shop, name)
        assert list(inspect.signature(method).parameters)[1:] == list(inspect.signature(function).parameters)[1:]
        assert inspect.getdoc(method) is not None


def test_the_constant_of_an_operation_matches_the_specification(generated: Modules) -> None:
    operation = generated.shop.REQUEST_ORDER
    assert (operation.name, operation.method, operation.path) == ("request_order", "POST", "/orders")
    assert operation.idempotency is Idempotency.KEY
    assert operation.request is generated.models.OrderRequest
    assert operation.responses == {201: generated.models.Order, 202: generated.models.WaitingOrder}
    assert operation.scopes == ("shop:write",)
    assert operation.body_format is BodyFormat.JSON
    assert generated.returns.REQUEST_RETURN.body_format is BodyFormat.FORM


def test_the_security_of_the_whole_api_applies_to_an_operation_without_any(generated: Modules) -> None:
    assert generated.shop.LIST_ORDERS.scopes == ("shop:read", "shop:write")
    assert not generated.shop.LIST_ORDERS.session_secret
    assert generated.shop.GET_ORDER.scopes == ("shop:read",)
    assert generated.shop.GET_ORDER.session_secret


def test_a_reply_may_be_a_list(generated: Modules) -> None:
    (type_,) = generated.shop.LIST_ORDERS.responses.values()
    assert msgspec.json.decode(b'[{"id": "a"}]', type=type_) == [generated.models.Order(id="a")]


def test_path_parameters_carry_their_pattern_in_the_dialect_of_python(generated: Modules) -> None:
    request = generated.shop.build_get_order("ord_1234")
    assert request.path == (Parameter(name="id", value="ord_1234", argument="order_id", pattern=r"(?a)^ord_\w{4}\Z"),)


def test_parameters_of_the_path_item_belong_to_each_of_its_operations(generated: Modules) -> None:
    assert generated.shop.build_cancel_order("ord_1234").path == generated.shop.build_get_order("ord_1234").path


def test_optional_parameters_are_left_out_and_others_written_as_text(generated: Modules) -> None:
    build = generated.shop.build_list_orders
    assert build(open=True).query == (Parameter(name="open", value="true"),)
    assert build(open=False, limit=3).query == (
        Parameter(name="limit", value="3"),
        Parameter(name="open", value="false"),
    )
    assert build(open=True).headers == ()
    for channel in ("till", generated.models.Channel.TILL):
        assert build(open=True, shop_channel=channel).headers == (
            Parameter(name="Shop-Channel", value="till", argument="shop_channel"),
        )


async def test_a_required_number_or_boolean_that_has_no_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (("X-Share", "header", "number"), ("top", "query", "integer"), ("every", "query", "boolean"))
    parameters = "".join(
        f"  - {{name: {name}, in: {place}, required: true, description: A value., schema: {{type: {kind}}}}}\n"
        for name, place, kind in given
    )
    folder = generate(tmp_path, path=f"parameters:\n{parameters}{PATH}")
    import_generated(folder, "models.shop", monkeypatch)
    shop = import_generated(folder, "operations.shop", monkeypatch)
    right: dict[str, Any] = {"x_share": 0.5, "top": 3, "every": True, "body": {"item": "tea"}}
    request = shop.build_request_order(**right)
    assert [each.value for each in (*request.headers, *request.query)] == ["0.5", "3", "true"]
    async with CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url="http://127.0.0.1:9") as checkout:
        for name, value, reason in (
            ("x_share", math.nan, "must be a finite number"),
            ("x_share", None, "must be text, not NoneType"),
            ("top", math.inf, "must be a finite number"),
            ("top", None, "must be text, not NoneType"),
            ("every", None, "must be text, not NoneType"),
        ):
            with pytest.raises(errors.InvalidRequest, match=f"{name} {reason}"):
                await shop.request_order(checkout, **{**right, name: value})


def test_a_body_is_a_struct_or_a_mapping_and_may_be_optional(generated: Modules) -> None:
    body = generated.return_models.ReturnRequest(order="ord_1234")
    assert generated.returns.build_request_return(body=body).body is body
    assert generated.returns.build_request_return(body={"order": "ord_1234"}).body == {"order": "ord_1234"}
    assert generated.returns.build_request_return().body is None


def test_every_call_takes_the_options_and_passes_them_on(generated: Modules) -> None:
    retry = RetryPolicy(attempts=1)
    request = generated.shop.build_cancel_order("ord_1234", timeout=2.5, retry=retry, headers={"X-Trace": "1"})
    assert request.options == CallOptions(timeout=2.5, retry=retry, headers={"X-Trace": "1"})


def test_special_options_exist_only_where_the_specification_allows_them(generated: Modules) -> None:
    def takes(name: str) -> set[str]:
        functions = {each: getattr(generated.shop, each) for each in generated.shop.__all__ if each[:1].islower()}
        return {each for each, function in functions.items() if name in inspect.signature(function).parameters}

    assert takes("idempotency_key") == {"request_order", "build_request_order"}
    assert takes("session_secret") == {"get_order", "build_get_order"}


def test_a_docstring_documents_the_call(generated: Modules) -> None:
    text = inspect.getdoc(generated.shop.request_order) or ""
    assert text.startswith("Place an order.\n\nThe order is placed at once")
    assert "`POST /orders`" in text
    assert "scope `shop:write`" in text
    assert "body: The order." in text
    assert "UnprocessableEntity: 422. The order makes no sense." in text
    assert "ServerError: 503. Closed." in text
    assert (inspect.getdoc(generated.shop.cancel_order) or "").startswith("Deprecated.")


@pytest.mark.costly
def test_neither_another_order_of_parameters_nor_a_new_required_one_moves_an_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters are listed as header, query, the second of the path, the first of the path."""
    parameters = "".join(
        f"  - {{name: {name}, in: {place}, required: true, description: A value., schema: {{type: string}}}}\n"
        for name, place in (("X-Shop", "header"), ("state", "query"), ("line", "path"), ("order", "path"))
    )
    folder = generate(
        tmp_path,
        root=ROOT.replace("/orders: ", "'/orders/{order}/lines/{line}': "),
        path=f"parameters:\n{parameters}{PATH}",
    )
    import_generated(folder, "models.shop", monkeypatch)
    build = import_generated(folder, "operations.shop", monkeypatch).build_request_order
    kinds = {name: each.kind for name, each in inspect.signature(build).parameters.items()}
    positional = [name for name, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == ["order", "line", "body"]
    assert kinds["x_shop"] is kinds["state"] is inspect.Parameter.KEYWORD_ONLY
