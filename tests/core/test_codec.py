"""Strict in what is sent, liberal in what is received."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async._core.codec import DecodeError, decode
from checkout_async._core.model import ResponseModel
from checkout_async.models import to_json
from tests.core.models import Colour, Link, Receipt

PAN = "4242424242424242"
# Python 3.11 counts calls, 3.12 and 3.13 count those of C apart, and since 3.14 the size of the C stack is the limit.
DEPTHS = (1500, 100_000, 1_000_000, 8_000_000)
FIRST_TOO_DEEP = 0 if sys.version_info < (3, 12) else 1 if sys.version_info < (3, 14) else 2
TOO_DEEP = DEPTHS[FIRST_TOO_DEEP : FIRST_TOO_DEEP + 2]


class Measured(ResponseModel, frozen=True, kw_only=True):
    id: str
    weight: float | None = None
    is_paid: bool | None = None
    amount: int | None = None
    name: str | None = None


class TestReceiving:
    def test_a_reply_is_decoded(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","amount":5,"link":{"href":"/x"}}')
        assert receipt == Receipt(id="r1", amount=5, link=Link(href="/x"))
        assert ignored == ()

    def test_unknown_members_and_values_do_not_fail_and_re_encode_as_they_came(self) -> None:
        body = b'{"id":"r1","colour":"Mauve","new":{"a":[1]},"link":{"href":"/x","rel":"y"},"colours":["red","teal"]}'
        receipt, ignored = decode(Receipt, body)
        assert receipt.colour == "Mauve"
        assert ignored == ()
        assert to_json(receipt) == body
        assert json.loads(msgspec.json.encode(receipt))["colours"] == ["red", "teal"]

    def test_a_member_of_the_wrong_type_reads_as_none_and_the_rest_is_kept(self) -> None:
        body = b'{"id":"r1","amount":"five","colour":7,"link":{"href":[]},"secret":"s"}'
        receipt, ignored = decode(Receipt, body)
        assert receipt == Receipt(id="r1", secret="s", link=Link())
        assert ignored == ("$.amount", "$.colour", "$.link.href")
        assert to_json(receipt) == body

    def test_a_wrong_item_of_a_list_is_left_out_alone(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","colours":["red",5,"teal"],"links":[{"href":[]},"x",{}]}')
        assert receipt.colours == ["red", "teal"]
        assert receipt.links == [Link(), Link()]
        assert ignored == ("$.colours[1]", "$.links[0].href", "$.links[1]")

    def test_of_a_map_only_the_members_that_do_not_fit_are_left_out(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","by_name":{"a":{"href":"/x"},"b":{"href":[]},"c":5}}')
        assert receipt.by_name == {"a": Link(href="/x"), "b": Link()}
        assert ignored == ('$.by_name["b"].href', '$.by_name["c"]')

    def test_the_name_of_a_member_of_a_map_is_scrubbed_where_it_is_reported(self) -> None:
        _, ignored = decode(Receipt, json.dumps({"id": "r1", "by_name": {f'"{PAN}"': 5}}).encode())
        (path,) = ignored
        assert path.startswith('$.by_name["')
        assert PAN not in path

    def test_other_values_written_as_text_read_as_such_beside_a_member_that_does_not_fit(self) -> None:
        body = b'{"id":"r1","weight":"1.5","is_paid":"true","amount":[],"name":2.5}'
        measured, ignored = decode(Measured, body)
        assert measured == Measured(id="r1", weight=1.5, is_paid=True, name="2.5")
        assert ignored == ("$.amount",)

    @pytest.mark.parametrize("member", [b'"is_paid":"01"', b'"name":true', b'"name":false'])
    def test_a_truth_value_is_neither_text_nor_number(self, member: bytes) -> None:
        measured, ignored = decode(Measured, b'{"id":"r1",' + member + b"}")
        assert measured == Measured(id="r1")
        assert len(ignored) == 1

    def test_a_number_of_thousands_of_digits_is_text_where_text_is_expected(self) -> None:
        for digits in (20, 4300):
            measured, ignored = decode(Measured, b'{"id":"r1","name":%s}' % (b"9" * digits))
            assert (measured.name, ignored) == ("9" * digits, ())

    @pytest.mark.parametrize("depth", TOO_DEEP)
    def test_nesting_too_deep_to_read_is_a_decode_error(self, depth: int) -> None:
        with pytest.raises(DecodeError, match="not valid JSON"):
            decode(Receipt, b'{"id":"r1","new":' + b"[" * depth + b"]" * depth + b"}")

    def test_a_byte_order_mark_is_skipped_and_kept_in_the_raw_bytes(self) -> None:
        body = b'\xef\xbb\xbf{"id":"r1","amount":"five"}'
        receipt, ignored = decode(Receipt, body)
        assert (receipt, ignored) == (Receipt(id="r1"), ("$.amount",))
        assert to_json(receipt) == body

    @pytest.mark.parametrize("text", ["2026-11-21T12:00:00.5", "2026-11-21T12:00:00.5Z", "2026-11-21T13:00:00.5+01:00"])
    def test_a_time_without_a_zone_is_utc(self, text: str) -> None:
        receipt, ignored = decode(Receipt, json.dumps({"id": "r1", "done_on": text}).encode())
        assert receipt.done_on == datetime(2026, 11, 21, 12, 0, 0, 500_000, tzinfo=UTC)
        assert ignored == ()

    def test_a_text_that_is_no_time_reads_as_none(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","done_on":"soon"}')
        assert (receipt.done_on, ignored) == (None, ("$.done_on",))

    def test_a_text_where_a_list_of_texts_is_expected_is_a_list_of_one(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","texts":"a, b","colours":"RED","links":"x"}')
        assert (receipt.texts, receipt.colours, receipt.links) == (["a, b"], [Colour.RED], None)
        assert ignored == ("$.links",)
        assert decode(Receipt, b'{"id":"r1","texts":""}')[0].texts == []

    @pytest.mark.parametrize(("value", "read"), [("N/A", "N/A"), ({"href": "/x"}, Link(href="/x")), (7, "7")])
    def test_an_object_may_be_a_text_where_the_type_says_so(self, value: object, read: object) -> None:
        receipt, ignored = decode(Receipt, json.dumps({"id": "r1", "text_or_link": value}).encode())
        assert (receipt.text_or_link, ignored) == (read, ())

    def test_a_number_written_as_text_reads_as_the_number_and_the_reverse(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":7,"amount":"06540","secret":12}')
        assert receipt == Receipt(id="7", amount=6540, secret="12")
        assert ignored == ()

    @pytest.mark.parametrize(
        "member",
        [
            b'"amount":"' + b"9" * 5000 + b'"',
            b'"amount":' + b"9" * 5000,
            b'"amount":' + b"9" * 4301,
            b'"amount":1e400',
            b'"secret":"\\ud800"',
            b'"brand_new":"\\ud800"',
        ],
        ids=["digits as text", "huge number", "too long for int", "beyond floats", "surrogate", "surrogate elsewhere"],
    )
    def test_valid_json_that_is_out_of_the_ordinary_loses_at_most_its_member(self, member: bytes) -> None:
        receipt, _ = decode(Receipt, b'{"id":"r1","colour":"red",' + member + b"}")
        assert (receipt.id, receipt.colour) == ("r1", Colour.RED)

    def test_an_object_in_place_of_a_list_reads_as_a_list_of_one(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","links":{"href":"/x"}}')
        assert receipt == Receipt(id="r1", links=[Link(href="/x")])
        assert ignored == ()

    def test_a_reply_that_is_a_list_loses_only_the_items_that_do_not_fit(self) -> None:
        receipts, ignored = decode(list[Receipt], b'[{"id":"r1"},{"amount":5},"x",{"id":"r2","amount":"x"}]')
        assert receipts == [Receipt(id="r1"), Receipt(id="r2")]
        assert ignored == ("$[1]", "$[2]", "$[3].amount")

    def test_one_text_in_place_of_a_list_of_numbers_reads_as_a_list(self) -> None:
        class Draw(ResponseModel, frozen=True, kw_only=True):
            id: str
            numbers: list[int] | None = None

        assert decode(Draw, b'{"id":"d1","numbers":"5"}') == (Draw(id="d1", numbers=[5]), ())

    def test_a_number_is_no_value_of_an_enum(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","colour":5}')
        assert receipt == Receipt(id="r1")
        assert ignored == ("$.colour",)

    def test_null_reads_as_none(self) -> None:
        receipt, ignored = decode(Receipt, b'{"id":"r1","amount":null,"link":null}')
        assert receipt == Receipt(id="r1")
        assert ignored == ()

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "it is empty"),
            (b"<html>", "not valid JSON"),
            (b'{"id":"r1"', "not valid JSON"),
            (b'{"id":"r1"} trailing', "not valid JSON"),
            (b'{"id":"\xff\xfe"}', "not valid JSON"),
            (b"[" * 100_000, "not valid JSON"),
            (b"[1]", "got `array`"),
            (b"null", "got `null`"),
            (b'{"amount":5}', "missing required field `id`"),
            (b'{"id":[]}', "missing required field `id`"),
        ],
    )
    def test_only_a_reply_without_object_or_identifier_is_a_decode_error(self, body: bytes, reason: str) -> None:
        with pytest.raises(DecodeError, match=reason):
            decode(Receipt, body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["id", "amount", "colour", "colours", "link", "links", "href", "by_name"])
                    | st.text(),
                    inner,
                )
            ),
            max_leaves=20,
        )
    )
    def test_any_json_object_with_an_identifier_decodes(self, value: Any) -> None:
        body = msgspec.json.encode({**value, "id": "r1"} if isinstance(value, dict) else {"id": "r1", "link": value})
        receipt, _ = decode(Receipt, body)
        assert receipt.id == "r1"
        assert to_json(receipt) == body

    @given(st.binary())
    def test_any_bytes_decode_or_raise_a_decode_error(self, body: bytes) -> None:
        try:
            decode(Receipt, body)
        except DecodeError as error:
            assert str(error)


class Order(ResponseModel, frozen=True, kw_only=True):
    id: str
    lines: list[Measured] | None = None


@pytest.mark.parametrize("wrong", [1, 10, 100])
def test_each_wrong_member_of_a_reply_costs_as_much_as_the_first(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"id": f"{number}", "weight": {"in": "kg"}} for number in range(wrong)]
    body = msgspec.json.encode({"id": "o1", "lines": [*lines, {"id": "last", "weight": 1.5}]})
    conversions: list[object] = []
    convert = msgspec.convert

    def counted(*arguments: Any, **options: Any) -> Any:
        conversions.append(arguments)
        return convert(*arguments, **options)

    monkeypatch.setattr(msgspec, "convert", counted)
    order, ignored = decode(Order, body)
    assert [line.weight for line in order.lines or ()] == [None] * wrong + [1.5]
    assert ignored == tuple(f"$.lines[{number}].weight" for number in range(wrong))
    assert len(conversions) <= 5 * wrong + 10


def test_a_card_number_in_the_name_of_an_ignored_member_is_masked_however_it_is_written() -> None:
    name = "4242\u00a04242\u00a04242\u00a04242"
    _, ignored = decode(Labelled, msgspec.json.encode({"labels": {name: {}}}))
    assert len(ignored) == 1
    assert "4242" not in ignored[0]


class Labelled(ResponseModel, frozen=True, kw_only=True):
    labels: dict[str, int] | None = None
