"""Request bodies: what is checked, what is sent, and that nothing shows a value."""

import json
import math
import sys
from collections import ChainMap
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar

import pytest
from msgspec import UNSET, UnsetType

from checkout_async._core.body import encode_body, encode_form
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretMembers
from tests.canary.frames import shown_by_frames
from tests.core.models import CardSource, Colour, Order, TokenSource

PAN = "4242424242424242"
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what a caller may pass


def refusal(body: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        encode_body("place_order", body, Order)
    return caught.value


class TestSending:
    def test_a_struct_and_a_mapping_of_the_same_shape_give_the_same_bytes(self) -> None:
        struct = Order(source=CardSource(number=PAN), amount=5, colour=Colour.RED, three_ds=True)
        mapping = {"3ds": True, "colour": "red", "amount": 5, "source": {"number": PAN, "type": "card"}}
        assert encode_body("place_order", struct, Order) == encode_body("place_order", mapping, Order)

    def test_a_mapping_may_hold_structs_and_enums(self) -> None:
        mapping = {"source": CardSource(number=PAN), "colour": Colour.RED}
        assert json.loads(encode_body("place_order", mapping, Order))["source"] == {"type": "card", "number": PAN}

    @pytest.mark.parametrize(
        ("body", "path", "reason"),
        [
            ({"source": {"type": "card", "number": "4242"}}, "$.source.number", "length >= 13"),
            ({"source": {"type": "card", "number": PAN + "\n"}}, "$.source.number", "must match ^\\d+$"),
            (
                {"source": {"type": "card", "number": "４２４２４２４２４２４２４２４２"}},
                "$.source.number",
                "must match ^\\d+$",
            ),
            ({"source": {"type": "card"}}, "$.source", "missing required field `number`"),
            ({"source": {"type": "cheque"}}, "$.source.type", "must be one of card, token"),
            ({"source": {"type": "token", "token": None}}, "$.source.token", "Expected `str`, got `null`"),
            ({"source": {"type": "token", "token": "t"}, "amount": -1}, "$.amount", "Expected `int` >= 0"),
            ({"source": {"type": "token", "token": "t"}, "amount": "1"}, "$.amount", "Expected `int`"),
            ({"source": {"type": "token", "token": "t"}, "amuont": 1}, "$", "`amuont`; did you mean `amount`?"),
            ({"source": {"type": "token", "token": "t"}, "three_ds": True}, "$", "did you mean `3ds`?"),
            ({"source": {"type": "token", "tokn": "t"}}, "$.source", "did you mean `token`?"),
            ({"source": {"type": "token", "token": b"t"}}, "$.source.token", "Expected `str`, got `bytes`"),
            ({"source": {"type": "token", "token": "t"}, "at": NAIVE}, "$.at", "needs a time zone"),
            ({"source": {"type": "token", "token": "t"}, "at": "2026-01-01T00:00:00"}, "$.at", "needs a time zone"),
            ({"source": {"type": "token", "token": "t"}, "amount": 1.5}, "$.amount", "Expected `int"),
            ({"source": {"type": "token", "token": "t"}, "colour": Colour("mauve")}, "$.colour", "one of red"),
            ([], "$", "Expected `object`, got `array`"),
            (None, "$", "got `null`"),
        ],
    )
    def test_a_wrong_member_is_named_by_its_json_path(self, body: object, path: str, reason: str) -> None:
        error = refusal(body)
        assert error.path == path
        assert reason in error.reason
        assert str(error).startswith(f"place_order: {path}: {error.reason} (pass ")
        assert 'validate="off"' in str(error)

    @pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
    def test_a_number_that_json_cannot_write_is_refused(self, weight: float) -> None:
        error = refusal({"source": {"type": "token", "token": "t"}, "weight": weight})
        assert (error.path, error.reason) == ("$.weight", "must be a finite number")

    @pytest.mark.parametrize(
        ("value", "reason"), [(math.nan, "must be a finite number"), (b"abc", "must be text, not bytes")]
    )
    def test_what_json_would_write_as_something_else_is_refused_at_every_level(
        self, value: object, reason: str
    ) -> None:
        """The encoder would write null and base64: an amount that is null captures everything."""
        with pytest.raises(InvalidRequest) as caught:
            encode_body("place_order", {"items": [{"amount": value}]}, Order, validate="off")
        assert (caught.value.path, caught.value.reason) == ("$.items[0].amount", reason)
        source = {"source": {"type": "token", "token": "t"}}
        with pytest.raises(InvalidRequest) as caught:
            encode_body("place_order", source, Order, extra={"new": {"member": value}})
        assert (caught.value.path, caught.value.reason) == ("extra_body.new.member", reason)

    def test_extra_members_need_an_object(self) -> None:
        with pytest.raises(InvalidRequest, match="to an object only"):
            encode_body("place_order", [1], Order, validate="off", extra={"new": 1})

    def test_any_mapping_will_do(self) -> None:
        inner = MappingProxyType({"type": "token", "token": "t"})
        assert (
            encode_body("place_order", ChainMap({"source": inner}), Order) == b'{"source":{"type":"token","token":"t"}}'
        )

    def test_what_has_no_json_is_refused(self) -> None:
        assert "cannot be written as JSON" in refusal({"source": object()}).reason

    def test_a_body_that_contains_itself_is_refused(self) -> None:
        body: dict[str, Any] = {}
        body["source"] = body
        assert "cannot be written as JSON" in refusal(body).reason

    @pytest.mark.parametrize("level", ["shape", "off"])
    def test_a_body_of_any_depth_is_written_or_refused(self, level: Any) -> None:
        """How deep msgspec, and the code that walks through its result, can go depends on the caller's stack."""
        body: Any = {"source": {"type": "token", "token": "t"}}
        for depth in range(1, sys.getrecursionlimit() + 50):
            body = {"source": body}
            if depth > 100 and depth % 7:
                continue
            try:
                encode_body("place_order", body, Order, validate=level)
            except InvalidRequest as error:
                assert error.reason

    @pytest.mark.parametrize(
        "body",
        [
            {"source": {"type": "card", "number": f"{PAN}x"}},
            {"source": {"type": PAN}},
            {"source": {"type": "token", "token": "t"}, "colour": PAN},
            {"source": {"type": "token", "token": "t"}, PAN: 1},
            {"source": {"type": "token", "token": "t"}, "amount": PAN},
        ],
    )
    def test_the_refusal_never_holds_the_value(self, body: object) -> None:
        error = refusal(body)
        assert PAN not in f"{error} {error.path} {error.reason} {error!r} {error.__cause__} {error.__context__}"

    def test_without_validation_the_body_goes_as_it_is(self) -> None:
        body = {"source": {"type": "cheque"}, "brand_new": [1]}
        assert json.loads(encode_body("place_order", body, Order, validate="off")) == body

    def test_a_form_is_percent_encoded(self) -> None:
        assert encode_form("op", b'{"secret":"a+b/c=","scope":"x y"}') == b"secret=a%2Bb%2Fc%3D&scope=x+y"

    @pytest.mark.parametrize("colour", ["RED", "Red", "r e-d", Colour("RED")])
    def test_an_enum_value_is_matched_loosely_and_sent_in_the_listed_spelling(self, colour: str) -> None:
        body = {"source": {"type": "token", "token": "t"}, "colour": colour}
        assert json.loads(encode_body("place_order", body, Order))["colour"] == "red"

    @pytest.mark.parametrize("tag", ["Token", "TOKEN", "to-ken"])
    def test_so_is_the_tag_of_a_variant(self, tag: str) -> None:
        body = {"source": {"type": tag, "token": "t"}, "amount": 1.0}
        assert encode_body("place_order", body, Order) == b'{"source":{"type":"token","token":"t"},"amount":1}'

    @pytest.mark.parametrize("missing", [None, UNSET])
    def test_none_and_unset_leave_an_optional_member_out(self, missing: UnsetType | None) -> None:
        struct = Order(source=TokenSource(token="t"), amount=missing, colour=missing)
        assert encode_body("place_order", struct, Order) == b'{"source":{"type":"token","token":"t"}}'

    def test_none_leaves_an_optional_member_of_a_mapping_out(self) -> None:
        body = {"source": {"type": "token", "token": "t"}, "amount": None}
        assert encode_body("place_order", body, Order) == b'{"source":{"type":"token","token":"t"}}'

    def test_null_is_sent_where_the_api_reads_it_as_a_value(self) -> None:
        body = encode_body("place_order", Order(source=TokenSource(token="t"), note=None), Order)
        assert json.loads(body)["note"] is None
        assert "note" not in json.loads(encode_body("place_order", Order(source=TokenSource(token="t")), Order))

    def test_a_float_without_a_fraction_is_a_whole_number(self) -> None:
        body = {"source": {"type": "token", "token": "t"}, "amount": 100.0}
        assert encode_body("place_order", body, Order) == b'{"source":{"type":"token","token":"t"},"amount":100}'

    def test_a_subclass_of_str_is_text(self) -> None:
        class Reference(str):
            __slots__ = ()

        body = {"source": {"type": "token", Reference("token"): Reference("t")}}
        assert encode_body("place_order", body, Order) == b'{"source":{"type":"token","token":"t"}}'


class TestExtraBody:
    """Members that the specification does not know yet."""

    BODY: ClassVar[dict[str, Any]] = {"source": {"type": "token", "token": "t"}, "amount": 5}

    def test_objects_merge_at_any_depth(self) -> None:
        extra = {"source": {"wallet": {"id": 1}}, "brand_new": [1]}
        sent = json.loads(encode_body("place_order", self.BODY, Order, extra=extra))
        assert sent == {
            "source": {"type": "token", "token": "t", "wallet": {"id": 1}},
            "amount": 5,
            "brand_new": [1],
        }

    def test_a_list_replaces_a_list(self) -> None:
        body = {**self.BODY, "tags": ["a", "b"]}
        sent = json.loads(encode_body("place_order", body, Order, validate="off", extra={"tags": ["c"]}))
        assert sent["tags"] == ["c"]

    @pytest.mark.parametrize(
        ("extra", "path"), [({"amount": 6}, "$.amount"), ({"source": {"token": "u"}}, "$.source.token")]
    )
    def test_a_member_that_is_set_already_is_refused_without_its_value(self, extra: dict[str, Any], path: str) -> None:
        with pytest.raises(InvalidRequest, match="sets already") as caught:
            encode_body("place_order", self.BODY, Order, extra=extra)
        assert caught.value.path == path

    def test_it_does_not_hide_a_mistake_in_the_body(self) -> None:
        with pytest.raises(InvalidRequest, match="source"):
            encode_body("place_order", {"amount": 5}, Order, extra=self.BODY)

    def test_what_has_no_json_is_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="extra_body cannot be written as JSON"):
            encode_body("place_order", self.BODY, Order, extra={"a": object()})


CARD = {"source": {"type": "card", "number": PAN}}
HIDDEN: dict[str, tuple[object, dict[str, Any]]] = {
    "a member is wrong": ({**CARD, "amount": PAN}, {}),
    "not JSON": ({**CARD, "amount": object()}, {}),
    "not JSON, unchecked": ({**CARD, "amount": object()}, {"validate": "off"}),
    "not a number": ({**CARD, "amount": math.nan}, {"validate": "off"}),
    "extra is not JSON": (CARD, {"extra": SecretMembers(number=PAN, amount=object())}),
    "extra is not a number": (CARD, {"extra": SecretMembers(number=PAN, amount=math.nan)}),
    "extra is set already": (CARD, {"extra": SecretMembers(CARD)}),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_no_frame_shows_the_body(case: str) -> None:
    body, options = HIDDEN[case]
    with pytest.raises(InvalidRequest) as caught:
        encode_body("place_order", body, Order, **options)
    assert PAN not in shown_by_frames(caught.value)
