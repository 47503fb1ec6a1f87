"""Columns are named by the paths of a request's members, which the specification alone decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch.fields import field_paths, find_field, unflatten
from checkout_async.errors import BatchFileError
from tests.batch.files import example_requests, flat
from tests.batch.support import CARD


@pytest.mark.parametrize("example", example_requests())
def test_every_member_of_a_documented_request_has_a_path(example: str) -> None:
    for path, value in flat(example_requests()[example]):
        field = find_field(path)
        assert field.node.is_value
        assert field.read(str(value)) == value


def test_the_paths_are_listed_with_the_first_place_of_each_list() -> None:
    paths = field_paths()
    assert {"source.number", "channel_data.channel", "completion.type", "preferred_experiences.0"} <= set(paths)
    assert len(set(paths)) == len(paths)


@given(st.sampled_from(field_paths()))
def test_every_listed_path_leads_to_a_value(path: str) -> None:
    assert find_field(path).node.is_value


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("source.numbr", 'unknown column "source.numbr" (did you mean "source.number"?)'),
        ("preferred_experiences.first", 'did you mean "preferred_experiences.0"?'),
        ("preferred_experiences.99999999999", "unknown column"),
        ("zzz", 'unknown column "zzz":'),
        ("", 'unknown column "":'),
    ],
)
def test_an_unknown_path_is_named_with_the_nearest_one(path: str, named: str) -> None:
    with pytest.raises(BatchFileError) as caught:
        find_field(path)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [CARD, "4485040371536583", "4485 0403 7153 6583", f"source.{CARD}", "a 4485040371536583", "123", "06", "a\n123"],
)
def test_an_unknown_name_that_may_be_a_value_is_not_shown(value: str) -> None:
    """A card number with a mistake has no check digit to know it by, and a CVV never has one."""
    with pytest.raises(BatchFileError) as caught:
        find_field(value, 7)
    assert str(caught.value).startswith("unknown column 7: it is not shown, since it may be a value")
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("source.expiry_month", "05", 5),
        ("source.expiry_month", "0", 0),
        ("amount", "-1", -1),
        ("source.stored", "TRUE", True),
        ("source.stored", "0", False),
        ("source.number", "0042", "0042"),
        ("channel_data.color_depth", "24", "24"),
        ("account_info.account_date", "20260101", "20260101"),
    ],
)
def test_a_text_is_read_as_what_belongs_there(path: str, text: str, value: object) -> None:
    assert find_field(path).read(text) == value


@pytest.mark.parametrize("text", ["65.00", "1e3", " 1", "1_000", "٣", "9" * 30, "yes", "null"])
def test_a_text_that_is_not_clearly_a_number_stays_for_the_check_before_sending_to_refuse(text: str) -> None:
    assert find_field("amount").read(text) == text


@given(st.permutations(["b.c.0", "preferred_experiences.7", "preferred_experiences.0", "b.d", "a"]))
def test_members_may_come_in_any_order_and_lists_keep_theirs(paths: list[str]) -> None:
    steps = ([int(step) if step.isdigit() else step for step in path.split(".")] for path in paths)
    request = unflatten(((tuple(each[:-1]), each[-1]), ".".join(map(str, each))) for each in steps)
    assert request == {
        "a": "a",
        "b": {"c": ["b.c.0"], "d": "b.d"},
        "preferred_experiences": ["preferred_experiences.0", "preferred_experiences.7"],
    }
