"""Numbers and results as a person reads them."""

from __future__ import annotations

import pytest

from checkout_async.batch import BatchResult
from checkout_async.batch.formatting import (
    format_count,
    format_duration,
    format_latency,
    format_percent,
    format_rate,
    format_result,
    format_time_left,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (4.21, "4.2 s"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (75, "1 min 15 s"),
        (3599.6, "1 h"),
        (4329, "1 h 12 min"),
        (86_399, "1 d"),
        (183_600, "2 d 3 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(-1.0, "0 s"), (7.2, "8 s"), (60.0, "1 min"), (4329, "1 h 12 min")])
def test_time_to_come_is_shown_in_whole_seconds_and_never_negative(seconds: float, words: str) -> None:
    assert format_time_left(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 ms"),
        (0.00042, "0.42 ms"),
        (0.0034, "3.4 ms"),
        (0.34, "340 ms"),
        (0.9996, "1.00 s"),
        (1.238, "1.24 s"),
        (9.999, "10 s"),
        (75, "1 min 15 s"),
    ],
)
def test_a_short_time_has_a_unit_that_suits_it(seconds: float, words: str) -> None:
    assert format_latency(seconds) == words


@pytest.mark.parametrize(
    ("part", "words"),
    [(0, "0.0 %"), (1, "< 0.1 %"), (904, "9.0 %"), (9999, "> 99.9 %"), (10_000, "100.0 %")],
)
def test_a_share_is_rounded_neither_to_nothing_nor_to_everything(part: int, words: str) -> None:
    assert format_percent(part, 10_000) == words


def test_a_share_of_nothing_is_not_shown() -> None:
    assert format_percent(0, 0) == ""


def test_large_numbers_have_separators_and_small_rates_a_decimal() -> None:
    assert (format_count(1_234_567), format_rate(1239.6), format_rate(3.42), format_rate(0)) == (
        "1,234,567",
        "1,240",
        "3.4",
        "0",
    )


@pytest.mark.parametrize("result", BatchResult)
def test_a_result_in_words_is_its_value(result: BatchResult) -> None:
    assert format_result(result).replace(" ", "_") == result.value
