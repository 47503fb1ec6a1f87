"""Forms that submit themselves: nothing breaks out of them, and a strict Content-Security-Policy lets them work."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.threeds import (
    FormPost,
    WindowSize,
    autosubmit_page,
    challenge_iframe,
    content_security_policy,
    method_iframe,
    new_nonce,
)
from checkout_async.threeds.emv import (
    AUTO_SUBMIT_HASH,
)
from tests.threeds.support import ACS_URL, Html

FORM = FormPost(ACS_URL, {"creq": "eyJ9"})
Maker = Callable[..., str]
every_maker = pytest.mark.parametrize("make", [method_iframe, challenge_iframe, autosubmit_page])
# Without characters that a server cannot decode in a form field, or that an HTML parser normalises.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


class TestForm:
    @every_maker
    def test_it_posts_its_fields_to_its_action(self, make: Maker) -> None:
        html = Html(make(FORM))
        assert html.only("form")["method"] == "post"
        assert html.only("form")["action"] == ACS_URL
        assert html.fields == {"creq": "eyJ9"}

    @every_maker
    @given(name=texts, value=texts)
    def test_field_names_and_values_cannot_break_out(self, make: Maker, name: str, value: str) -> None:
        html = Html(make(FormPost(ACS_URL, {name: value})))
        assert html.fields == {name: value}
        assert [tag for tag, _ in html.elements if tag == "script"] == ["script"]

    @given(texts)
    def test_titles_and_names_cannot_break_out_either(self, text: str) -> None:
        assert Html(challenge_iframe(FORM, name=text, title=text)).only("iframe") == {
            "name": text,
            "title": text,
            "width": "390",
            "height": "400",
        }
        whole = Html(autosubmit_page(FORM, title=text, button=text, language=text))
        assert whole.only("html") == {"lang": text}
        assert {"form", "script", "input", "button"} < {tag for tag, _ in whole.elements}

    def test_a_title_cannot_end_the_title(self) -> None:
        whole = autosubmit_page(FORM, title="</title><script>alert(1)</script>")
        assert whole.count("</title>") == whole.count("<script>") == 1

    def test_it_goes_into_the_iframe_before_it(self) -> None:
        for html in (Html(method_iframe(FORM, name="m")), Html(challenge_iframe(FORM, name="m"))):
            assert html.only("iframe")["name"] == html.only("form")["target"] == "m"

    def test_the_iframe_of_the_3ds_method_is_hidden_and_the_one_of_the_challenge_has_its_size(self) -> None:
        assert "hidden" in Html(method_iframe(FORM)).only("iframe")
        large = Html(challenge_iframe(FORM, size=WindowSize.W500_H600)).only("iframe")
        assert (large["width"], large["height"], "hidden" in large) == ("500", "600", False)
        assert "width" not in Html(challenge_iframe(FORM, size=WindowSize.FULL_SCREEN)).only("iframe")

    def test_without_a_script_the_page_has_a_button(self) -> None:
        html = Html(autosubmit_page(FORM, button="Weiter"))
        assert [tag for tag, _ in html.elements if tag in {"noscript", "button"}] == ["noscript", "button"]
        assert "Weiter" in html.texts


class TestTarget:
    @pytest.mark.parametrize(
        "url",
        ["https://issuer.example/a?b=c", "http://localhost:8080/x", "http://127.0.0.1:1/x", "http://[::1]:8080/x"],
    )
    def test_https_and_the_loopback_interface(self, url: str) -> None:
        assert FormPost(url, {}).action == url

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://issuer.example/", "must begin with https://"),
            ("http://127.0.0.1.issuer.example/", "must begin with https://"),
            ("javascript:alert(1)", "has no host"),
            ("data:text/html,x", "has no host"),
            ("//issuer.example/", "must begin with https://"),
            ("/relative", "has no host"),
            ("", "is empty"),
            ("https://issuer.example/a b", "blanks"),
            ("https://issuer.example/\n", "blanks"),
            ("https://issuer.exämple/", "non-ASCII"),
            ("https://user@issuer.example/", "names a user"),
            ("https://issuer.example\\@evil.example/", "names a user"),
            ("https://[::1/", "is not a URL"),
            ("https://issuer.example:99999/", "is not a URL"),
            ("https://issuer.example/" + "a" * 2048, "is longer than 2048"),
        ],
    )
    def test_anything_else_is_refused_and_not_shown(self, url: str, reason: str) -> None:
        with pytest.raises(errors.MalformedMessage, match=reason) as raised:
            FormPost(url, {})
        assert not url or url not in str(raised.value)

    def test_a_form_does_not_change_with_the_dict_it_was_made_from(self) -> None:
        fields = {"creq": "eyJ9"}
        form = FormPost(ACS_URL, fields)
        fields["creq"] = "other"
        assert form.fields == {"creq": "eyJ9"}

    def test_it_encodes_as_json_for_pages_that_build_their_own_forms(self) -> None:
        assert msgspec.json.decode(msgspec.json.encode(FORM)) == {"action": ACS_URL, "fields": {"creq": "eyJ9"}}


class TestContentSecurityPolicy:
    @every_maker
    def test_the_nonce_is_on_the_script_and_in_the_policy(self, make: Maker) -> None:
        nonce = new_nonce()
        assert Html(make(FORM, nonce=nonce)).only("script") == {"nonce": nonce}
        assert f"script-src 'nonce-{nonce}';" in content_security_policy(FORM, nonce=nonce)

    @every_maker
    def test_without_a_nonce_the_policy_allows_exactly_this_script(self, make: Maker) -> None:
        script = make(FORM).rpartition("<script>")[2].partition("</script>")[0]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" == AUTO_SUBMIT_HASH
        assert f"script-src {AUTO_SUBMIT_HASH};" in content_security_policy(FORM)

    @every_maker
    def test_nothing_in_the_html_would_need_unsafe_inline(self, make: Maker) -> None:
        html = Html(make(FORM))
        attributes = {name for _, found in html.elements for name in found}
        assert not {name for name in attributes if name.startswith("on") or name == "style"}
        assert "style" not in {tag for tag, _ in html.elements}

    def test_everything_except_the_script_the_frame_and_the_form_is_forbidden(self) -> None:
        rules = dict(rule.split(" ", 1) for rule in content_security_policy(FORM).split("; "))
        assert rules["default-src"] == rules["base-uri"] == "'none'"
        assert rules["form-action"] == rules["frame-src"] == "'self' https: https://issuer.example"
        assert "unsafe" not in str(rules)

    def test_a_simulator_on_the_loopback_interface_is_allowed_by_its_origin(self) -> None:
        policy = content_security_policy(FormPost("http://127.0.0.1:8080/acs", {}))
        assert "form-action 'self' https: http://127.0.0.1:8080;" in policy

    @pytest.mark.parametrize("nonce", ["", "a b", "'; script-src *", "x\r\nSet-Cookie: a=b"])
    def test_a_nonce_that_would_change_the_policy_is_refused(self, nonce: str) -> None:
        with pytest.raises(errors.ConfigurationError, match="new_nonce"):
            content_security_policy(FORM, nonce=nonce)
        with pytest.raises(errors.ConfigurationError, match="new_nonce"):
            autosubmit_page(FORM, nonce=nonce)

    def test_each_nonce_is_new(self) -> None:
        assert len({new_nonce() for _ in range(100)}) == 100
