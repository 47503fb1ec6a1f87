"""Channel data of a browser, from its request and its script, within the limits of the specification."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from checkout_async import errors
from checkout_async._core.body import encode_body
from checkout_async.models import sessions
from checkout_async.threeds import BROWSER_SCRIPT, BrowserValues, browser_channel_data, read_browser_values

HEADERS = {"User-Agent": "Mozilla/5.0", "Accept": "text/html", "Accept-Language": "de-CH,de;q=0.9"}
REPORTED = {
    "language": "en-GB",
    "colorDepth": 24,
    "screenHeight": 1080,
    "screenWidth": 1920,
    "timezoneOffset": -60,
    "javaEnabled": False,
}


def values(**changes: object) -> BrowserValues:
    read = read_browser_values(json.dumps(REPORTED | changes))
    assert read is not None
    return read


def channel_data(headers: dict[str, str] | None = None, **changes: object) -> sessions.BrowserChannelData:
    return browser_channel_data(HEADERS if headers is None else headers, "192.0.2.7", values(**changes))


class TestChannelData:
    def test_headers_address_and_script_together(self) -> None:
        assert channel_data() == sessions.BrowserChannelData(
            accept_header="text/html",
            java_enabled=False,
            javascript_enabled=True,
            language="en-GB",
            color_depth="24",
            screen_height="1080",
            screen_width="1920",
            timezone="-60",
            user_agent="Mozilla/5.0",
            ip_address="192.0.2.7",
        )

    def test_the_result_of_the_3ds_method_is_included(self) -> None:
        completion = sessions.ThreeDsMethodCompletion.Y
        data = browser_channel_data(HEADERS, "192.0.2.7", values(), method_completion=completion)
        assert data.three_ds_method_completion is completion

    def test_header_names_match_in_any_letter_case_and_lines_are_joined(self) -> None:
        headers = CIMultiDict(
            [("user-agent", "Mozilla"), ("X-FORWARDED-FOR", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]
        )
        data = browser_channel_data(headers, "10.0.0.1", values(), trusted_proxies=["10.0.0.0/8"])
        assert (data.user_agent, data.ip_address) == ("Mozilla", "2.2.2.2")

    def test_the_client_hint_is_included_if_there_is_one(self) -> None:
        assert channel_data().user_agent_client_hint is None
        assert (
            channel_data(HEADERS | {"Sec-CH-UA": '"Chromium";v="140"'}).user_agent_client_hint == '"Chromium";v="140"'
        )

    def test_a_request_without_an_accept_header_accepts_any_type(self) -> None:
        assert channel_data({"User-Agent": "Mozilla"}).accept_header == "*/*"

    def test_a_request_without_a_user_agent_is_malformed(self) -> None:
        with pytest.raises(errors.MalformedMessage, match="User-Agent"):
            channel_data({"User-Agent": " "})

    def test_without_the_script_the_browser_counts_as_one_without_javascript(self) -> None:
        data = browser_channel_data(HEADERS, "192.0.2.7", None)
        assert (data.javascript_enabled, data.java_enabled, data.language) == (False, False, "de-CH")
        assert encode_body("test", data, sessions.BrowserChannelData)


class TestLimits:
    def test_long_headers_are_truncated(self) -> None:
        data = channel_data({"User-Agent": "u" * 3000, "Accept": "a" * 3000})
        assert (len(data.user_agent), len(data.accept_header)) == (2048, 2048)

    @pytest.mark.parametrize(
        ("reported", "accepted", "language"),
        [
            ("en", "de", "en"),
            ("zh-Hant-TW-x-long", "", "zh-Hant-TW-x"),
            ("sr-Latn-RS-variant", "", "sr-Latn-RS"),
            ("", "fr-CA;q=0.8, en", "fr-CA"),
            (None, "*", "en"),
            ("<script>", "", "en"),
        ],
    )
    def test_a_language_is_a_tag_that_fits(self, reported: str | None, accepted: str, language: str) -> None:
        assert channel_data(HEADERS | {"Accept-Language": accepted}, language=reported).language == language

    @pytest.mark.parametrize(
        ("reported", "sent"),
        [
            (0, "1"),
            (1, "1"),
            (8, "8"),
            (12, "8"),
            (16, "16"),
            (24, "24"),
            (30, "24"),
            (32, "32"),
            (48, "48"),
            (64, "48"),
        ],
    )
    def test_a_colour_depth_is_the_next_lower_one_that_emv_knows(self, reported: int, sent: str) -> None:
        assert channel_data(colorDepth=reported).color_depth == sent

    def test_sizes_of_a_zoomed_screen_are_rounded(self) -> None:
        data = channel_data(screenWidth=1706.67, screenHeight=960.4)
        assert (data.screen_width, data.screen_height) == ("1707", "960")

    @given(
        st.builds(
            BrowserValues,
            language=st.none() | st.text(max_size=50),
            color_depth=st.floats(0, 100),
            screen_height=st.floats(0, 999_999),
            screen_width=st.floats(0, 999_999),
            timezone_offset=st.floats(-1440, 1440),
            java_enabled=st.booleans(),
        ),
        st.dictionaries(
            st.sampled_from(["Accept", "Accept-Language", "Sec-CH-UA", "X-Forwarded-For"]), st.text(max_size=4000)
        ),
        st.text(min_size=1, max_size=4000).filter(str.strip),
    )
    def test_whatever_a_browser_sends_fits_the_specification(
        self, reported: BrowserValues, headers: dict[str, str], agent: str
    ) -> None:
        # The proxy appends the browser's address to what the browser sent.
        added = {"User-Agent": agent, "X-Forwarded-For": f"{headers.get('X-Forwarded-For', '')}, 2001:db8::7"}
        data = browser_channel_data(headers | added, "::1", reported, trusted_proxies=["::1"])
        assert data.ip_address == "2001:db8::7"
        assert encode_body("test", data, sessions.BrowserChannelData)

    def test_invalid_bytes_in_a_header_do_not_stop_a_payment(self) -> None:
        data = channel_data({"User-Agent": "Mozilla \udcff"})
        assert data.user_agent == "Mozilla ?"


class TestScript:
    def test_it_reports_what_is_read_and_nothing_else(self) -> None:
        reported = BROWSER_SCRIPT.partition("return {")[2].partition("};")[0]
        assert re.findall(r"^ +(\w+):", reported, re.MULTILINE) == list(REPORTED)

    def test_it_works_under_a_strict_content_security_policy(self) -> None:
        for forbidden in ("eval", "Function(", "innerHTML", "setTimeout", "</script", "fetch", "XMLHttpRequest"):
            assert forbidden not in BROWSER_SCRIPT

    @pytest.mark.parametrize("text", [None, "", b"", "  "])
    def test_no_values_mean_that_it_did_not_run(self, text: str | bytes | None) -> None:
        assert read_browser_values(text) is None

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"screenHeight": -1}, "screen_height is not a size in pixels"),
            ({"screenWidth": 1_000_000}, "screen_width is not a size in pixels"),
            ({"timezoneOffset": 1441}, "timezone_offset is not an offset in minutes"),
            ({"timezoneOffset": None}, "got `null`"),
            ({"javaEnabled": "yes"}, "Expected `bool`"),
            ({"language": "x" * 2048}, "is longer than 2048"),
        ],
    )
    def test_impossible_values_are_malformed(self, changes: dict[str, object], reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason):
            read_browser_values(json.dumps(REPORTED | changes))

    @given(st.text(min_size=1).filter(str.strip) | st.binary(min_size=1).filter(bytes.strip))
    def test_no_text_raises_anything_else(self, text: str | bytes) -> None:
        with pytest.raises(errors.MalformedMessage):
            read_browser_values(text)
