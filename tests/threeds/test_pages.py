"""The pages of the 3DS flow are whole documents that a strict policy allows, and nothing breaks out of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors, threeds
from checkout_async.threeds import FormPost, ThreeDSPage, WindowSize
from checkout_async.threeds import pages as source
from tests.threeds.support import ACS_URL, Html

FORM = FormPost(ACS_URL, {"creq": "eyJ9"})
URL = "https://checkout.example/interceptor?a=1&b=2"
Maker = Callable[..., ThreeDSPage]


def challenge(**options: object) -> ThreeDSPage:
    return threeds.challenge_page(FORM, **options)  # type: ignore[arg-type]


def full_screen(**options: object) -> ThreeDSPage:
    return threeds.challenge_page(FORM, size=WindowSize.FULL_SCREEN, **options)  # type: ignore[arg-type]


def method(**options: object) -> ThreeDSPage:
    return threeds.method_page(FORM, **options)  # type: ignore[arg-type]


def redirect(**options: object) -> ThreeDSPage:
    return threeds.redirect_page(URL, **options)  # type: ignore[arg-type]


def leave(**options: object) -> ThreeDSPage:
    return threeds.leave_iframe_page("/3ds/1", **options)  # type: ignore[arg-type]


WAITING: list[Maker] = [challenge, full_screen, method, redirect]
PAGES: list[Maker] = [*WAITING, leave]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def directives(page: ThreeDSPage) -> dict[str, str]:
    rules = (rule.strip().partition(" ") for rule in page.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in rules}


@pytest.mark.parametrize("make", PAGES)
class TestDocument:
    def test_it_is_whole(self, make: Maker) -> None:
        page = make(title="Einen Moment", language="de")
        html = Html(page.html)
        assert page.html.startswith("<!DOCTYPE html>")
        assert html.only("html") == {"lang": "de"}
        assert {"charset": "utf-8"} in html.all("meta")
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in html.all("meta")
        assert html.texts.count("Einen Moment") == 2
        assert len(html.all("title")) == len(html.all("h1")) == len(html.all("main")) == 1

    def test_its_policy_allows_its_own_style_and_script_and_no_others(self, make: Maker) -> None:
        page = make()
        html, rules = Html(page.html), directives(page)
        (nonce,) = {each["nonce"] for each in (*html.all("style"), *html.all("script"))}
        assert f"'nonce-{nonce}'" in rules["style-src"]
        assert rules["default-src"] == "'none'"
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        if html.all("script"):
            assert rules["script-src"] == f"'nonce-{nonce}'"
        assert not [each for _, each in html.elements if "style" in each or any(name.startswith("on") for name in each)]
        assert make().headers != page.headers, "each page has a nonce of its own"

    def test_it_is_not_stored_and_says_its_charset(self, make: Maker) -> None:
        headers = make().headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"] == "text/html; charset=utf-8"

    @given(text=texts)
    def test_texts_cannot_break_out(self, make: Maker, text: str) -> None:
        page = make(title=text, button=text, language=text, css=text, nonce="abc")
        before = make(nonce="abc")
        assert [tag for tag, _ in Html(page.html).elements] == [tag for tag, _ in Html(before.html).elements]
        assert Html(page.html).only("html") == {"lang": text}

    def test_styles_cannot_end_their_element(self, make: Maker) -> None:
        page = make(css="</style><script>alert(1)</script>")
        assert page.html.count("</style>") == 1

    def test_a_malformed_nonce_is_refused(self, make: Maker) -> None:
        with pytest.raises(errors.ConfigurationError, match="nonce"):
            make(nonce="'; script-src *")

    def test_it_shows_nothing_in_a_repr(self, make: Maker) -> None:
        assert repr(make()) == "ThreeDSPage()"


@pytest.mark.parametrize("make", WAITING)
class TestWaiting:
    def test_it_says_what_happens_to_all_and_has_a_way_on_without_scripts(self, make: Maker) -> None:
        html = Html(make(text="We are asking.", button="Go on").html)
        (status,) = (each for each in html.all("p") if each.get("role") == "status")
        assert status["aria-live"] == "polite"
        assert "We are asking." in html.texts
        assert "Go on" in html.texts
        assert html.all("button") or [each for each in html.all("a") if each["href"] == URL]

    def test_what_turns_is_hidden_from_screen_readers(self, make: Maker) -> None:
        turning = [each for each in Html(make().html).all("div") if each.get("class") == "spinner"]
        assert all(each["aria-hidden"] == "true" for each in turning)
        assert len(turning) == (0 if make is challenge else 1)


def test_a_page_loads_again_when_the_time_limit_has_passed() -> None:
    assert method(seconds=9.2).headers["Refresh"] == "10"
    assert challenge(seconds=0.0).headers["Refresh"] == "0"
    assert "Refresh" not in method().headers


def test_the_iframes_have_a_form_a_title_and_their_size() -> None:
    waiting, shown = Html(method().html), Html(challenge(title="Confirm").html)
    assert "hidden" in waiting.only("iframe")
    assert shown.only("iframe")["title"] == "Confirm"
    assert (shown.only("iframe")["width"], shown.only("iframe")["height"]) == ("390", "400")
    assert "iframe:not([hidden]){display:block;max-width:100%" in challenge().html
    for html in (waiting, shown):
        assert html.only("form")["target"] == html.only("iframe")["name"]
        assert html.only("form")["action"] == ACS_URL
        assert html.fields == {"creq": "eyJ9"}


def test_the_full_screen_is_the_whole_window() -> None:
    html = Html(full_screen().html)
    assert html.all("iframe") == []
    assert "target" not in html.only("form")


def test_a_redirect_goes_where_it_is_told_and_nowhere_unsafe() -> None:
    page = redirect()
    assert page.headers["Refresh"] == f"0; url={URL}"
    assert Html(page.html).only("a")["href"] == URL
    for unsafe in ("javascript:alert(1)", "http://checkout.example/", "https://a b/", ""):
        with pytest.raises(errors.MalformedMessage, match="the URL"):
            threeds.redirect_page(unsafe)


def test_the_window_around_an_iframe_is_led_on() -> None:
    html = Html(leave().html)
    assert html.only("script")["data-to"] == "/3ds/1"
    assert html.only("a") == {"class": "button", "target": "_top", "href": "/3ds/1"}
    assert directives(leave())["frame-ancestors"] == "'self'"


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_have_enough_contrast(scheme: int) -> None:
    root = re.findall(r":root\{([^}]*)\}", source._STYLES)[scheme]
    colours = dict(re.findall(r"--([\w-]+):#([0-9a-f]+)", root))
    assert contrast(colours["ink"], colours["paper"]) >= 4.5
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["line"], colours["paper"]) >= 3, "of what is no text"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.test",
        "/\\evil.test",
        "http://evil.test",
        "/a b",
        "/a\r\nb",
        "",
    ],
)
def test_a_page_leaves_the_iframe_for_a_path_or_https_only(url: str) -> None:
    with pytest.raises(errors.MalformedMessage, match="the URL "):
        threeds.leave_iframe_page(url)


def test_a_page_leaves_the_iframe_for_a_url_of_the_shop() -> None:
    assert "https://shop.example/3ds/1" in threeds.leave_iframe_page("https://shop.example/3ds/1").html


@pytest.mark.parametrize(("seconds", "header"), [(-3, "0"), (0.2, "1"), (math.inf, None), (None, None)])
def test_a_page_is_loaded_again_after_whole_seconds(seconds: float | None, header: str | None) -> None:
    page = method(seconds=seconds)
    assert page.headers.get("Refresh") == header
