"""Lists in the simulator's code, compared with the API document at import."""

from __future__ import annotations

import pytest

from checkout_async.sandbox.core.spec import check_enum
from checkout_async.sandbox.payments.status import PaymentOperation
from tests.sandbox.support import document


def test_a_value_that_the_document_does_not_list_is_named() -> None:
    with pytest.raises(
        ValueError, match="SessionStatus in the OpenAPI document does not list finished, over; it lists p"
    ):
        check_enum("SessionStatus", ["pending", "finished", "over"])


def test_an_enum_that_the_document_does_not_have_lists_nothing() -> None:
    with pytest.raises(ValueError, match="NoSuchEnum in the OpenAPI document does not list pending"):
        check_enum("NoSuchEnum", ["pending"])


def test_values_that_the_simulator_does_not_use_are_no_error() -> None:
    check_enum("SessionStatus", ["pending"])


def test_operations_on_payments_have_the_identifiers_of_the_document() -> None:
    known = {
        node["operationId"] for item in document()["paths"].values() for node in item.values() if "operationId" in node
    }
    assert known >= set(PaymentOperation)
