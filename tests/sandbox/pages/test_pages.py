"""What a cardholder's browser meets: the 3DS Method, the challenge, the hosted page. Read without running scripts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.pages.pages import CHALLENGED, SEEN, Browser, begun, challenged
from tests.sandbox.support import BROWSER, HOSTED, Api, decoded, order

NOTIFICATION = "https://shop.example/3ds-method"


def encoded(message: Any, *, urlsafe: bool = True, padded: bool = False) -> str:
    raw = json.dumps(message).encode()
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(raw).decode()
    return text if padded else text.rstrip("=")


class TestMethod:
    async def test_it_posts_the_transaction_id_back(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("frictionless", channel_data=BROWSER))
        data = {
            "threeDSServerTransID": created.body["transaction_id"],
            "threeDSMethodNotificationURL": NOTIFICATION,
        }
        url = created.links["three_ds_method_url"]
        for form in (encoded(data), encoded(data, urlsafe=False, padded=True)):
            page = await browser.post(url, {"threeDSMethodData": form})
            back = page.form("forward")
            assert back.action == NOTIFICATION
            assert decoded(back.fields["threeDSMethodData"]) == {"threeDSServerTransID": data["threeDSServerTransID"]}

    async def test_the_interceptor_tells_the_page_by_an_event(self, browser: Browser) -> None:
        data = encoded({"threeDSServerTransID": "9aea641d"})
        page = await browser.post("/sessions-interceptor/3ds-method-notification", {"threeDSMethodData": data})
        assert page.announced == {"threeDSServerTransID": "9aea641d"}

    async def test_a_silent_issuer_never_posts_back(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("silent_method", channel_data=BROWSER))
        data = {
            "threeDSServerTransID": created.body["transaction_id"],
            "threeDSMethodNotificationURL": NOTIFICATION,
        }
        page = await browser.post(created.links["three_ds_method_url"], {"threeDSMethodData": encoded(data)})
        assert (page.status, page.forms) == (200, [])

    @pytest.mark.parametrize("data", ["", "x", "e30=", encoded([1]), encoded({"threeDSServerTransID": "none"})])
    async def test_other_data_are_refused_with_the_reason(self, browser: Browser, data: str) -> None:
        page = await browser.post("/_sandbox/acs/3ds-method", {"threeDSMethodData": data})
        assert page.status in {400, 404}
        assert 'class="problem"' in page.html

    @pytest.mark.parametrize("url", ["", "javascript:alert(1)", "shop.example", "http://["])
    async def test_it_redirects_only_to_web_addresses(self, api: Api, browser: Browser, url: str) -> None:
        created = await api.create(order("frictionless", channel_data=BROWSER))
        data = {"threeDSServerTransID": created.body["transaction_id"], "threeDSMethodNotificationURL": url}
        page = await browser.post("/_sandbox/acs/3ds-method", {"threeDSMethodData": encoded(data)})
        assert page.status == 400


class TestChallenge:
    async def test_the_right_password_sends_the_browser_back_with_the_result(
        self, sandbox: Sandbox, api: Api, browser: Browser
    ) -> None:
        session = await challenged(api)
        page = await begun(browser, session, threeDSSessionData="c2hvcA")
        back = (await browser.submit(page.button("password"), password="1234")).form("forward")
        assert (back.action, back.fields["threeDSSessionData"]) == (CHALLENGED, "c2hvcA")
        assert decoded(back.fields["cres"])["transStatus"] == "Y"
        assert sandbox.sessions[session["id"]].status == "approved"

    async def test_three_wrong_passwords_fail_it(self, sandbox: Sandbox, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        page = await begun(browser, session)
        for left in (2, 1):
            page = await browser.submit(page.button("password"), password="0000")
            assert f"You may try {left} more" in page.html
        back = (await browser.submit(page.button("password"), password="0000")).form("forward")
        assert decoded(back.fields["cres"])["transStatus"] == "N"
        assert sandbox.sessions[session["id"]].status == "declined"

    async def test_the_banking_app_is_another_way(self, sandbox: Sandbox, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        waiting = await browser.submit((await begun(browser, session)).button("app"))
        back = (await browser.submit(waiting.button("approved"))).form("forward")
        assert decoded(back.fields["cres"])["transStatus"] == "Y"
        assert sandbox.sessions[session["id"]].status == "approved"

    async def test_cancel_abandons_it(self, sandbox: Sandbox, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        back = (await browser.submit((await begun(browser, session)).button("cancel"))).form("forward")
        assert decoded(back.fields["cres"])["transStatus"] == "N"
        assert sandbox.sessions[session["id"]].status == "challenge_abandoned"

    async def test_after_a_quarter_of_an_hour_it_is_over(self, sandbox: Sandbox, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        page = await begun(browser, session)
        await sandbox.advance(15 * 60)
        late = await browser.submit(page.button("password"), password="1234")
        assert "The time is up" in late.html
        assert decoded(late.form("forward").fields["cres"])["transStatus"] == "U"
        assert sandbox.sessions[session["id"]].status == "challenge_abandoned"

    async def test_the_card_decides_what_the_right_password_leads_to(
        self, sandbox: Sandbox, api: Api, browser: Browser
    ) -> None:
        session = await challenged(api, "challenge_failed")
        await browser.submit((await begun(browser, session)).button("password"), password="1234")
        assert sandbox.sessions[session["id"]].status == "declined"

    async def test_without_a_notification_url_the_page_gets_an_event(self, api: Api, browser: Browser) -> None:
        session = await challenged(api, url=None)
        page = await browser.submit((await begun(browser, session)).button("password"), password="1234")
        returned = await browser.submit(page.form("forward"))
        assert returned.announced == {"transStatus": "Y", "threeDSServerTransID": session["transaction_id"]}

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://shop.example/ok"])
    async def test_it_returns_only_to_web_addresses(self, api: Api, browser: Browser, url: str) -> None:
        page = await begun(browser, await challenged(api, url=url))
        refused = await browser.submit(page.button("password"), password="1234")
        assert (refused.status, refused.forms) == (400, [])
        assert "challenge_notification_url is not an http or https address" in refused.html

    @pytest.mark.parametrize("creq", ["", "x", encoded({}), encoded({"messageType": "CReq"})])
    async def test_what_is_no_challenge_request_is_refused(self, browser: Browser, creq: str) -> None:
        assert (await browser.post("/_sandbox/acs/challenge", {"creq": creq})).status in {400, 404}


class TestHosted:
    async def test_it_runs_the_method_and_returns_to_the_shop(
        self, sandbox: Sandbox, api: Api, browser: Browser
    ) -> None:
        created = await api.create(order("frictionless", completion=HOSTED))
        page = await browser.get(created.links["redirect_url"])
        method = decoded(page.form("method").fields["threeDSMethodData"])
        assert method["threeDSMethodNotificationURL"].startswith(sandbox.base_url)
        back = await browser.collected(page)
        assert (back.status, back.location) == (303, HOSTED["success_url"])
        assert sandbox.sessions[created.body["id"]].status == "approved"

    async def test_a_declined_card_returns_to_the_failure_url(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("declined", completion=HOSTED))
        page = await browser.get(created.links["redirect_url"])
        assert (await browser.collected(page)).location == HOSTED["failure_url"]

    async def test_without_a_method_url_there_is_no_iframe(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("frictionless_no_method", completion=HOSTED))
        page = await browser.get(created.links["redirect_url"])
        assert [form.id for form in page.forms] == ["data"]

    @pytest.mark.parametrize(
        ("how", "url", "status"),
        [("password", "success_url", "approved"), ("cancel", "failure_url", "challenge_abandoned")],
    )
    async def test_a_challenge_comes_in_between(
        self, sandbox: Sandbox, api: Api, browser: Browser, how: str, url: str, status: str
    ) -> None:
        created = await api.create(order("challenge", completion=HOSTED))
        page = await browser.get(created.links["redirect_url"])
        onward = await browser.collected(page)
        question = await browser.submit(onward.form("forward"))
        back = await browser.submit(question.button(how), password="1234")
        end = await browser.submit(back.form("forward"))
        assert end.location == HOSTED[url]
        assert sandbox.sessions[created.body["id"]].status == status

    async def test_a_finished_session_just_returns(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("frictionless", completion=HOSTED))
        url = created.links["redirect_url"]
        await browser.collected(await browser.get(url))
        assert (await browser.get(url)).location == HOSTED["success_url"]

    async def test_only_hosted_sessions_have_one(self, api: Api, browser: Browser) -> None:
        created = await api.create(order("frictionless"))
        assert (await browser.get(f"/_sandbox/interceptor/{created.body['id']}")).status == 404
        assert (await browser.get("/_sandbox/interceptor/sid_none")).status == 404

    async def test_it_collects_what_script_headers_and_connection_tell_of_the_browser(
        self, sandbox: Sandbox, api: Api, browser: Browser
    ) -> None:
        created = await api.create(order("frictionless", completion=HOSTED))
        page = await browser.get(created.links["redirect_url"])
        assert SEEN.keys() | {"completion"} == page.form("data").fields.keys()
        await browser.collected(page, "N")
        data = dict(sandbox.sessions[created.body["id"]].channel_data)
        assert str(data.pop("user_agent")).startswith("Python/")
        assert data == SEEN | {
            "channel": "browser",
            "java_enabled": False,
            "javascript_enabled": True,
            "accept_header": "*/*",
            "ip_address": "127.0.0.1",
            "three_ds_method_completion": "N",
        }

    async def test_cartes_bancaires_shows_the_collected_address(self, api: Api, browser: Browser) -> None:
        body = order("frictionless", completion=HOSTED)
        body["source"]["scheme"] = "cartes_bancaires"
        created = await api.create(body)
        await browser.collected(await browser.get(created.links["redirect_url"]))
        assert (await api.get(created.body["id"])).body["customer_ip"] == "127.0.0.1"

    async def test_data_that_the_merchant_sent_before_are_kept(
        self, sandbox: Sandbox, api: Api, browser: Browser
    ) -> None:
        created = await api.create(order("frictionless", completion=HOSTED, channel_data=BROWSER))
        await browser.collected(await browser.get(created.links["redirect_url"]), language="fr")
        assert sandbox.sessions[created.body["id"]].channel_data == BROWSER

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"completion": "X"}, "three_ds_method_completion_invalid"),
            ({"java_enabled": "perhaps"}, "java_enabled_invalid"),
        ],
    )
    async def test_what_no_browser_posts_is_refused(
        self, sandbox: Sandbox, api: Api, browser: Browser, wrong: dict[str, str], code: str
    ) -> None:
        created = await api.create(order("frictionless", completion=HOSTED))
        refused = await browser.collected(await browser.get(created.links["redirect_url"]), **wrong)
        assert (refused.status, code in refused.html) == (400, True)
        assert sandbox.sessions[created.body["id"]].status == "pending"

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://shop.example/ok"])
    async def test_it_returns_only_to_web_addresses(self, api: Api, browser: Browser, url: str) -> None:
        created = await api.create(order("frictionless", completion=HOSTED | {"success_url": url}))
        refused = await browser.collected(await browser.get(created.links["redirect_url"]))
        assert (refused.status, refused.location) == (400, None)
        assert "success_url is not an http or https address" in refused.html


class TestEveryPage:
    async def test_scripts_and_styles_run_by_nonce_only_and_no_handler_is_inline(
        self, api: Api, browser: Browser
    ) -> None:
        session = await challenged(api)
        hosted = await api.create(order("frictionless", completion=HOSTED))
        for page in (await begun(browser, session), await browser.get(hosted.links["redirect_url"])):
            assert page.policy.startswith("default-src 'none'")
            for tag, attributes in page.elements:
                assert not [name for name in attributes if name.startswith("on") or name == "style"]
                if tag in {"script", "style"}:
                    assert f"'nonce-{attributes['nonce']}'" in page.policy

    async def test_what_came_from_outside_is_escaped(self, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        page = await begun(browser, session, threeDSSessionData='"><script>alert(1)</script>')
        assert "<script>alert" not in page.html
        assert page.button("cancel").fields["threeDSSessionData"] == '"><script>alert(1)</script>'
        returned = await browser.post(
            "/sessions-interceptor/3ds-method-notification",
            {"threeDSMethodData": encoded({"threeDSServerTransID": "</script><script>alert(1)"})},
        )
        assert "</script><script>alert" not in returned.html
        assert returned.announced == {"threeDSServerTransID": "</script><script>alert(1)"}

    async def test_no_page_contains_a_secret(self, api: Api, browser: Browser) -> None:
        session = await challenged(api)
        page = await begun(browser, session)
        secrets = [session["session_secret"], await api.bearer()]
        assert not [secret for secret in secrets if secret in page.html]
