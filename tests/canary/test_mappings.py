"""A body that is a plain mapping shows its card in no frame of the package, whatever refuses the call."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from checkout_async import CheckoutClient, errors
from checkout_async.operations import payments as operations
from checkout_async.sandbox import Sandbox
from tests.canary.frames import shown_by_frames

NUMBER = "4485040371536584"
BODY: Any = {"source": {"type": "card", "number": NUMBER, "expiry_month": 13, "expiry_year": "next"}, "currency": "GBP"}
WRONG_CALLS: dict[str, dict[str, Any]] = {
    "body": {"body": BODY},
    "another mapping": {"body": MappingProxyType(BODY)},
    "member": {"body": {**BODY, NUMBER: NUMBER}},
    "not JSON": {"body": {**BODY, "amount": object()}, "validate": "off"},
    "headers": {"body": BODY, "headers": {"X-Own": f"{NUMBER}\n"}},
    "extra": {"body": BODY, "validate": "off", "extra_body": {"source": {"number": NUMBER}}},
    "key": {"body": BODY, "validate": "off", "idempotency_key": f"{NUMBER} "},
    "refused": {"body": BODY, "validate": "off"},
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
async def test_a_call_that_fails_shows_no_card(wrong: str) -> None:
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        assert isinstance(checkout, CheckoutClient)
        with pytest.raises(errors.CheckoutError) as caught:
            await checkout.payments.request_payment(**WRONG_CALLS[wrong])
        assert NUMBER not in shown_by_frames(caught.value)
        with pytest.raises(errors.CheckoutError) as caught:
            await operations.request_payment(checkout, **WRONG_CALLS[wrong])
        assert NUMBER not in shown_by_frames(caught.value)


@pytest.mark.parametrize("wrong", ["body", "another mapping"])
async def test_an_iterator_that_fails_shows_no_card(wrong: str) -> None:
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        with pytest.raises(errors.CheckoutError) as caught:
            await anext(aiter(checkout.payments.iterate_search_payments(**WRONG_CALLS[wrong])))
        assert NUMBER not in shown_by_frames(caught.value)


def test_a_request_shows_the_names_of_its_members_only() -> None:
    request = operations.build_request_payment(BODY)
    assert NUMBER not in f"{request!r} {request.body!r} {request.__getstate__()!r}"
    assert request.body == BODY
