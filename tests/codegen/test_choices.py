"""How generated types handle choices in the specification: several types, alternatives, constants."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from checkout_async._core.wire import Alternative
from tests.codegen.support import GoldenLibrary, generate, import_generated


@pytest.fixture
def golden(monkeypatch: pytest.MonkeyPatch) -> GoldenLibrary:
    """Return the golden library."""
    return GoldenLibrary(monkeypatch)


@pytest.fixture
def library(golden: GoldenLibrary) -> ModuleType:
    """Return its models."""
    return golden.models


@pytest.fixture
def operations(golden: GoldenLibrary) -> ModuleType:
    """Return its operations."""
    return golden.operations


# --- several types


@pytest.mark.parametrize("value", ["A1", 3, None])
def test_a_member_of_several_types_is_sent_as_any_of_them(library: ModuleType, value: object) -> None:
    body = {"reader": "Ada", "shelf": value}
    assert msgspec.to_builtins(msgspec.convert(body, library.LoanRequest)) == body


@pytest.mark.parametrize("value", ["A1234", 0, 1.5, True])
def test_a_limit_is_checked_for_the_type_it_applies_to(golden: GoldenLibrary, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape("$.shelf`")):
        msgspec.convert({"reader": "Ada", "shelf": value}, golden.strict.LoanRequest)


def test_the_values_of_a_map_may_be_of_several_types(library: ModuleType) -> None:
    for labels in ({"a": "x", "b": True}, {"a": 1, "b": 1.5}):
        assert msgspec.convert({"reader": "A", "labels": labels}, library.LoanRequest).labels == labels
    loan = msgspec.json.decode(b'{"id": "l", "labels": {"a": "x", "b": true, "c": 1, "d": 1.5}}', type=library.Loan)
    assert loan.labels == {"a": "x", "b": True, "c": 1, "d": 1.5}


@pytest.mark.parametrize("labels", [{}, {"a": 1, "b": 2, "c": 3}, {"a": "123456"}, {"a": [1]}])
def test_a_map_has_as_many_members_as_the_specification_allows(golden: GoldenLibrary, labels: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape("$.labels")):
        msgspec.convert({"reader": "A", "labels": labels}, golden.strict.LoanRequest)


def test_a_number_or_numeric_string_is_decoded_as_a_number(library: ModuleType) -> None:
    as_text, as_number = (
        msgspec.json.decode(body, type=library.Loan, strict=False)
        for body in (b'{"id": "l", "volume": "7", "weight": "1.5"}', b'{"id": "l", "volume": 7, "weight": 1.5}')
    )
    assert as_text == as_number
    assert (as_text.volume, as_text.weight) == (7, 1.5)


def test_other_pairs_of_types_are_decoded_as_they_are(library: ModuleType) -> None:
    for mark in ("x", 7):
        assert msgspec.convert({"id": "l", "mark": mark}, library.Loan).mark == mark


# --- variants with different types


def test_a_member_that_is_an_object_in_one_variant_is_that_object_in_a_reply(library: ModuleType) -> None:
    body = b'{"id": "l", "keeper": {"type": "shelf", "place": {"room": "B"}, "number": "7"}}'
    keeper = msgspec.json.decode(body, type=library.Loan).keeper
    assert keeper.place.room == "B"
    assert keeper.number == "7"


def test_what_is_sensitive_in_one_variant_is_masked_in_a_reply(library: ModuleType) -> None:
    assert "attic" not in repr(library.Keeper(place=library.Place(room="attic")))


# --- constants


def test_a_constant_is_sent_without_being_set(library: ModuleType) -> None:
    donation = library.DonationRequest(donor="Ada")
    assert msgspec.to_builtins(donation) == {"kind": "donation", "donor": "Ada"}
    assert msgspec.convert({"kind": "donation", "donor": "Ada"}, library.DonationRequest) == donation


def test_another_value_than_the_constant_is_refused(library: ModuleType) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape("$.kind")):
        msgspec.convert({"kind": "theft", "donor": "Ada"}, library.DonationRequest)


def test_a_constant_is_open_text_in_a_reply(library: ModuleType) -> None:
    assert msgspec.convert({"kind": "cellar"}, library.Place).kind == "cellar"
    assert library.Place().kind is None


# --- alternatives


def test_alternatives_are_a_union_for_type_checkers_and_a_list_for_the_core(
    library: ModuleType, operations: ModuleType
) -> None:
    assert get_args(library.LoanOrDonationRequest) == (library.DonationRequest, library.LoanRequest)
    assert operations.REQUEST_LOAN.alternatives == (
        Alternative(library.DonationRequest, ("donor", "kind")),
        Alternative(library.LoanRequest),
    )
    assert operations.REQUEST_LOAN.request is None
    annotation = inspect.signature(operations.request_loan).parameters["body"].annotation
    assert annotation == "LoanOrDonationRequest | LoanOrDonationRequestDict"


def test_an_operation_with_one_type_of_body_has_no_alternatives(operations: ModuleType) -> None:
    assert operations.RENEW_LOAN.alternatives == ()


# --- shared types


def test_the_module_of_an_api_exports_the_shared_types_it_needs_at_any_depth(library: ModuleType) -> None:
    book = library.Book(title="Zuleika", state=library.BookState.WORN)
    assert library.LoanRequest(reader="Ada", book=book).book is book
    assert {"Book", "BookState"} <= set(library.__all__)


@pytest.mark.costly
def test_a_variant_that_is_received_on_its_own_keeps_its_discriminator(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = """\
OrderRequest:
  type: object
  description: What to order.
  properties:
    payment: {$ref: '#/Payment', description: How to pay.}
Payment:
  description: How to pay.
  oneOf: [{$ref: '#/Cash'}]
  discriminator: {propertyName: type, mapping: {cash: '#/Cash'}}
Cash:
  type: object
  description: In cash.
  required: [type]
  properties:
    type: {type: string, const: cash, description: Kind.}
Order:
  type: object
  description: An order.
  properties:
    paid: {$ref: '#/Cash', description: How it was paid.}
"""
    folder = generate(tmp_path_factory.mktemp("variant"), schemas=schemas)
    shop = import_generated(folder, "models.shop", monkeypatch)
    assert msgspec.convert({"paid": {"type": "cash"}}, shop.Order).paid == shop.CashResponse(type="cash")
