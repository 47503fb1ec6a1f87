"""The receiver in docs/webhooks.md runs and receives the events of the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

PAGE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"
RECEIVER, SANDBOX = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


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
