"""Who may call the Payments operations: the secret key for all of them, access tokens by scope."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import SECRET_KEY
from tests.sandbox.payments.support import KEY, PaymentsApi, order
from tests.sandbox.support import Answer, document

PAYMENT = "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"
OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "request_payment": ("POST", "/payments", {"gateway", "gateway:payment"}),
    "list_payments": ("GET", "/payments?reference=A", {"gateway", "gateway:payment-details"}),
    "get_payment": ("GET", f"/payments/{PAYMENT}", {"gateway", "gateway:payment-details"}),
    "get_payment_actions": ("GET", f"/payments/{PAYMENT}/actions", {"gateway", "gateway:payment-details"}),
    "increment_authorization": (
        "POST",
        f"/payments/{PAYMENT}/authorizations",
        {"gateway", "gateway:payment-authorizations"},
    ),
    "cancel_scheduled_retry": (
        "POST",
        f"/payments/{PAYMENT}/cancellations",
        {"gateway", "gateway:payment-cancellations"},
    ),
    "capture_payment": ("POST", f"/payments/{PAYMENT}/captures", {"gateway", "gateway:payment-captures"}),
    "refund_payment": ("POST", f"/payments/{PAYMENT}/refunds", {"gateway", "gateway:payment-refunds"}),
    "reverse_payment": (
        "POST",
        f"/payments/{PAYMENT}/reversals",
        {"gateway", "gateway:payment-refunds", "gateway:payment-voids"},
    ),
    "void_payment": ("POST", f"/payments/{PAYMENT}/voids", {"gateway", "gateway:payment-voids"}),
    "search_payments": ("POST", "/payments/search", {"payments:search"}),
}
SCOPES = set(document()["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]["scopes"])


async def call(api: PaymentsApi, operation: str, auth: str) -> Answer:
    method, path, _ = OPERATIONS[operation]
    answer = await api.send(method, path, headers={"Authorization": auth} if auth else {})
    assert api.sandbox.requests[-1].operation_id == operation
    return answer


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "auth", ["", "Bearer nonsense", SECRET_KEY, f"Bearer {SECRET_KEY}a", "Basic YTpi", "sek_x", "Bearer pk_sbox_x"]
)
async def test_anything_but_the_secret_key_or_a_living_token_is_unauthorized(
    api: PaymentsApi, operation: str, auth: str
) -> None:
    answer = await call(api, operation, auth)

    assert (answer.status, answer.body, answer.headers["WWW-Authenticate"]) == (401, {}, "Bearer")


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_scope_opens_its_operations_only(api: PaymentsApi, operation: str) -> None:
    opened: set[str] = set()
    for scope in SCOPES:
        answer = await call(api, operation, await api.bearer(scope))
        if answer.status == 403:
            assert answer.codes == ["operation_not_allowed_for_scope"]
        else:
            opened.add(scope)

    assert opened == OPERATIONS[operation][2]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_secret_key_opens_every_operation(api: PaymentsApi, operation: str) -> None:
    assert (await call(api, operation, KEY)).status in {200, 404, 422}


async def test_the_secret_key_is_not_for_sessions(api: PaymentsApi) -> None:
    assert (await api.create(auth=KEY)).status == 401


async def test_the_pages_of_a_search_need_its_scope(api: PaymentsApi) -> None:
    for _ in range(2):
        await api.paid(order())
    href = (await api.search(members={"limit": 1})).body["_links"]["next"]["href"]

    assert (await api.read(href, auth="")).status == 401
    assert (await api.read(href, auth=await api.bearer("gateway"))).status == 403
    assert (await api.read(href, auth=await api.bearer("payments:search"))).status == 200
