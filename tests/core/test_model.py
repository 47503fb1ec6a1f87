"""Generated classes print no secrets, and their enums keep values that this version does not know."""

import codecs
import copy
import math
import pickle
import traceback
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async._core.codec import decode
from checkout_async._core.model import fields_of, known_values_only
from checkout_async._core.spelling import _MAX_SPELLINGS, _members_by_folded_value
from tests.core.models import CardSource, Colour, Order, Receipt, TokenSource


class TestOpenEnum:
    def test_a_known_value_is_its_member(self) -> None:
        assert Colour("red") is Colour.RED

    def test_letter_case_does_not_matter(self) -> None:
        assert Colour("RED") is Colour.RED
        assert Colour("Dark Blue") is Colour.DARK_BLUE

    def test_another_name_of_a_value_is_its_member(self) -> None:
        assert Colour("NAVY") is Colour.DARK_BLUE
        assert [colour.value for colour in Colour] == ["red", "dark blue"]

    def test_an_unknown_value_is_kept_as_it_came_and_equals_its_text(self) -> None:
        unknown = Colour("Infra-Red")
        assert unknown == "Infra-Red"
        assert unknown.value == "Infra-Red"
        assert isinstance(unknown, Colour)

    def test_it_says_whether_a_value_is_known(self) -> None:
        assert Colour.RED.is_known
        assert not Colour("mauve").is_known

    def test_unknown_values_do_not_pile_up(self) -> None:
        before = list(Colour)
        for number in range(1000):
            Colour(f"shade {number}")
        assert list(Colour) == before
        assert len(Colour._value2member_map_) == len(before)

    def test_a_spelling_is_remembered_but_not_without_limit(self) -> None:
        spellings = [f"red{'-' * number}" for number in range(3000)]
        assert {Colour(each) for each in (*spellings, *spellings)} == {Colour.RED}
        assert len(_members_by_folded_value(Colour)) == _MAX_SPELLINGS
        _members_by_folded_value.cache_clear()

    @given(st.text())
    def test_any_text_survives_pickle_copy_and_json(self, text: str) -> None:
        colour = Colour(text)
        assert pickle.loads(pickle.dumps(colour)) == colour
        assert copy.deepcopy(colour) == copy.copy(colour) == colour
        try:
            encoded = msgspec.json.encode(colour)
        except UnicodeEncodeError:
            return  # a lone surrogate has no JSON
        assert msgspec.json.decode(encoded, type=Colour) == colour

    def test_only_text_can_be_a_value(self) -> None:
        with pytest.raises(ValueError, match="5"):
            Colour(cast("str", 5))

    def test_separators_do_not_matter(self) -> None:
        assert Colour("dark_blue") is Colour("Dark-Blue") is Colour("DARKBLUE") is Colour.DARK_BLUE

    def test_an_unknown_value_is_refused_where_it_would_be_sent(self) -> None:
        with known_values_only() as refused, pytest.raises(ValueError, match="mauve"):
            Colour("mauve")
        assert refused == [Colour]
        with known_values_only() as refused:
            assert Colour("RED") is Colour.RED
        assert refused == []


class TestRepr:
    def test_a_card_shows_its_last_four_digits_and_nothing_else_sensitive(self) -> None:
        card = CardSource(number="4242424242424242", cvv="956", holder="Ada Lovelace")
        assert repr(card) == "CardSource(number='***4242', cvv='***', holder='***')"

    def test_members_left_out_are_not_shown(self) -> None:
        assert repr(Receipt(id="r1", amount=5)) == "Receipt(id='r1', amount=5)"

    def test_nested_values_are_masked_too(self) -> None:
        order = Order(source=CardSource(number="4242424242424242"), amount=1)
        assert "4242424242" not in repr(order)
        assert "4242424242" not in str(order.__rich_repr__())

    def test_a_mapping_inside_is_not_shown_at_all(self) -> None:
        order = Order(source=cast("CardSource", {"type": "card", "number": "4242424242424242", "cvv": "956"}))
        assert repr(order) == "Order(source='***')"

    def test_a_secret_of_a_reply_is_not_shown(self) -> None:
        assert "hush" not in repr(Receipt(id="r1", secret="hush"))


class TestValues:
    def test_members_left_out_stay_out_of_the_json(self) -> None:
        order = Order(source=TokenSource(token="tok"))
        assert msgspec.json.encode(order) == b'{"source":{"type":"token","token":"tok"}}'

    def test_an_api_name_that_python_cannot_write_is_encoded_as_the_api_writes_it(self) -> None:
        order = Order(source=TokenSource(token="tok"), three_ds=True)
        assert msgspec.json.decode(msgspec.json.encode(order))["3ds"] is True

    def test_replies_cannot_be_changed(self) -> None:
        receipt = Receipt(id="r1")
        with pytest.raises(AttributeError):
            receipt.amount = 5  # type: ignore[misc]  # that it cannot is what is tested

    def test_models_compare_copy_and_pickle(self) -> None:
        receipt = Receipt(id="r1", colour=Colour("mauve"))
        assert copy.deepcopy(receipt) == receipt
        assert pickle.loads(pickle.dumps(receipt)) == receipt


def test_the_fields_of_a_struct_are_resolved_once() -> None:
    assert fields_of(Receipt) is fields_of(Receipt)
    assert fields_of(Receipt) == msgspec.structs.fields(Receipt)


class TestFromDict:
    CARD: ClassVar[dict[str, Any]] = {"type": "card", "number": "4242424242424242"}

    def test_a_mapping_under_the_names_of_the_api_becomes_a_struct(self) -> None:
        order = Order.from_dict({"source": self.CARD, "3ds": True, "colour": "RED", "at": "2026-11-28T10:00:00Z"})
        assert order == Order(
            source=CardSource(number="4242424242424242"),
            three_ds=True,
            colour=Colour.RED,
            at=datetime(2026, 11, 28, 10, tzinfo=UTC),
        )

    def test_any_mapping_may_hold_structs(self) -> None:
        order = Order.from_dict(MappingProxyType({"source": TokenSource(token="tok_1"), "amount": 100.0}))
        assert (order.source, order.amount) == (TokenSource(token="tok_1"), 100)

    @pytest.mark.parametrize(
        ("changes", "path", "reason"),
        [
            ({"amuont": 1}, "$", r"unknown field `amuont`; did you mean `amount`\?"),
            ({"amount": -1}, "$.amount", ">= 0"),
            ({"amount": "1"}, "$.amount", "Expected `int`"),
            ({"colour": "mauve"}, "$.colour", "must be one of red, dark blue"),
            ({"source": {"type": "cash"}}, "$.source.type", "must be one of card, token"),
            ({"weight": math.nan}, "$.weight", "finite"),
            ({"note": b"text"}, "$.note", r"must be text|Expected `str`"),
            ({"at": "2026-11-28T10:00:00"}, "$.at", "time zone"),
        ],
        ids=["misspelt", "limit", "type", "enum", "tag", "nan", "bytes", "zone"],
    )
    def test_what_is_wrong_has_a_path_and_shows_no_value(self, changes: dict[str, Any], path: str, reason: str) -> None:
        with pytest.raises(errors.InvalidRequest, match=reason) as caught:
            Order.from_dict({"source": self.CARD, **changes})
        assert caught.value.path == path
        assert "Order" in str(caught.value)
        assert "4242" not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("wrong", [None, "{}", [1], CardSource(number="4242424242424242"), {"source": object()}])
    def test_anything_else_is_refused(self, wrong: Any) -> None:
        with pytest.raises(errors.InvalidRequest, match=r"Order (must be a mapping|cannot be written as JSON)"):
            Order.from_dict(wrong)


class TestAsJson:
    def test_a_request_is_written_under_the_names_of_the_api(self) -> None:
        order = Order(
            source=CardSource(number="4242424242424242"), three_ds=True, at=datetime(2026, 11, 28, 10, tzinfo=UTC)
        )
        assert order.to_dict() == {
            "source": {"type": "card", "number": "4242424242424242"},
            "3ds": True,
            "at": "2026-11-28T10:00:00Z",
        }
        assert msgspec.json.decode(order.to_json()) == order.to_dict()
        assert Order.from_dict(order.to_dict()) == order

    def test_a_mapping_inside_a_struct_is_written_too(self) -> None:
        order = Order(source=cast("Any", MappingProxyType({"type": "token", "token": "tok_1"})))
        assert order.to_dict() == {"source": {"type": "token", "token": "tok_1"}}

    def test_a_reply_is_what_was_received(self) -> None:
        body = codecs.BOM_UTF8 + b'{"id": "1", "new": [1, 2]}'
        receipt, _ = decode(Receipt, body)
        assert receipt.to_json() == body
        assert receipt.to_dict() == {"id": "1", "new": [1, 2]}

    def test_a_part_of_a_reply_is_written_from_its_members(self) -> None:
        receipt = Receipt(id="1")
        assert (receipt.to_json(), receipt.to_dict()) == (b'{"id":"1"}', {"id": "1"})
