"""The shop in a real browser: what the cardholder sees, how the session ends, and that no secret leaks.

After each visit, `Stage.cardholder` searches console, storage and network log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

each_framework = pytest.mark.parametrize("stage", ["aiohttp", "starlette"], indirect=True)


@each_framework
async def test_frictionless(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("frictionless")
        shown = await cardholder.result()
    assert (shown["Verdict"], shown["Callback"]) == ("authenticated", "received")
    session = stage.session(shown)
    assert (session.status, session.completed, stage.reported(shown)) == ("approved", True, "Y")


@each_framework
async def test_challenge_passed(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge")
        await cardholder.answer("1234")
        shown = await cardholder.result()
    assert shown["Verdict"] == "authenticated"
    assert (stage.session(shown).status, stage.reported(shown)) == ("approved", "Y")


@each_framework
async def test_a_body_has_a_limit_on_either_server(stage: Stage) -> None:
    from examples.shop.flow import BODY_LIMIT

    async with aiohttp.ClientSession(stage.shop.address) as http:
        for length, status in ((BODY_LIMIT - 1, 400), (BODY_LIMIT + 1, 413)):
            async with http.post("/pay", data=b"x" * length) as reply:
                assert reply.status == status


async def test_challenge_failed_after_three_wrong_passwords(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge")
        for left in (2, 1):
            await cardholder.answer("0000")
            await cardholder.issuer.get_by_text(f"You may try {left} more times").wait_for()
        await cardholder.answer("0000")
        shown = await cardholder.result()
    assert shown["Verdict"] == "declined"
    assert stage.session(shown).status == "declined"


async def test_challenge_abandoned(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge")
        await cardholder.issuer.get_by_role("button", name="Cancel").click()
        shown = await cardholder.result()
    assert shown["Verdict"] == "abandoned"
    assert stage.session(shown).status == "challenge_abandoned"


async def test_challenge_that_times_out(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge")
        await cardholder.issuer.get_by_text("Minutes left: 15").wait_for()
        await stage.shop.sandbox.advance(5 * 60)
        await cardholder.issuer.get_by_text("Minutes left: 10").wait_for()
        await stage.shop.sandbox.advance(10 * 60)
        await cardholder.issuer.get_by_text("The time is up").wait_for()
        shown = await cardholder.result()
    assert shown["Verdict"] == "abandoned"
    assert stage.session(shown).status == "challenge_abandoned"


async def test_approved_in_the_banking_app(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge")
        await cardholder.issuer.get_by_role("button", name="Use my banking app").click()
        await cardholder.issuer.get_by_role("button", name="I approved it in the app").click()
        shown = await cardholder.result()
    assert shown["Verdict"] == "authenticated"
    assert stage.session(shown).status == "approved"


async def test_a_silent_3ds_method_is_reported_as_not_completed(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("silent_method")
        shown = await cardholder.result()  # the page reloads after the ten seconds
    assert shown["Verdict"] == "authenticated"
    assert (stage.session(shown).status, stage.reported(shown)) == ("approved", "N")


async def test_without_a_3ds_method_it_is_reported_as_unavailable(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("frictionless_no_method")
        shown = await cardholder.result()
    assert shown["Verdict"] == "authenticated"
    assert (stage.session(shown).status, stage.reported(shown)) == ("approved", "U")


async def test_hosted_success(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("challenge", hosted=True)
        await cardholder.answer("1234", cardholder.page)
        shown = await cardholder.result()
        assert cardholder.page.url.startswith(stage.shop.address)
    assert shown["Verdict"] == "authenticated"
    session = stage.session(shown)
    assert (session.status, session.hosted) == ("approved", True)
    seen = session.channel_data
    assert (seen["screen_width"], seen["screen_height"], seen["javascript_enabled"]) == ("390", "760", True)
    assert (seen["ip_address"], seen["language"], seen["three_ds_method_completion"]) == ("127.0.0.1", "en-US", "Y")
    assert "Chrome" in str(seen["user_agent"])


async def test_hosted_failure(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("declined", hosted=True)
        shown = await cardholder.result()
    assert shown["Verdict"] == "declined"
    session = stage.session(shown)
    assert (session.status, session.hosted) == ("declined", True)


async def test_the_search_for_secrets_finds_one_that_is_shown(stage: Stage) -> None:
    from tests.browser.visitor import visiting

    async with visiting(stage.browser, stage.shop.address, stage.log) as (visitor, evidence):
        await visitor.pay("frictionless")
        await visitor.result()
        await visitor.page.goto(
            f"{stage.shop.address}/static/{next(iter(stage.shop.sandbox._simulation.tokens._grants))}"
        )
    with pytest.raises(AssertionError, match="access token"):
        stage.require_no_secrets(evidence)
