"""The receiver in docs/webhooks.md runs and receives the events of the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from checkout_async import errors, webhooks

PAGE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"
RECEIVER, AUTHORIZATION, SANDBOX = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


async def test_the_receiver_of_the_page_receives_the_events_of_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHECKOUT_WEBHOOK_KEYS", "a-newer-key a-key")
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(RECEIVER, "docs/webhooks.md", "exec"), names)
    exec(compile(SANDBOX, "docs/webhooks.md", "exec"), names)
    runner = web.AppRunner(names["app"])
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await names["pay"](f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks")
    finally:
        await runner.cleanup()
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "payment_approved"
    assert re.fullmatch(r"captured pay_\w{26} 1000", second)
    assert third == "[('payment_approved', True), ('payment_captured', True)]"


def test_the_check_of_the_authorization_key_is_one() -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(AUTHORIZATION, "docs/webhooks.md", "exec"), names)
    body = b'{"id":"evt_1","type":"payment_paid"}'
    headers = {"Cko-Signature": webhooks.sign(body, "a-key"), "Authorization": "a-text"}
    assert names["receive"](body, headers, "a-key", "a-text").id == "evt_1"
    with pytest.raises(errors.InvalidSignature, match="Authorization"):
        names["receive"](body, headers, "a-key", "another")
