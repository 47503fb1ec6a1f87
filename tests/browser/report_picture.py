"""Makes the report of docs/images/batch-report.png: a real run of stored cards against the simulator."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from playwright.async_api import Browser

from checkout_async.batch import BadLine, Record, Summary, run, write_report
from checkout_async.sandbox import SCENARIOS, Fault, Sandbox
from examples.demo import card, merchant_initiated

_RECORDS = 3000
_FAULTS = [(Fault.LOST_REPLY, 700), (Fault.TOO_EARLY, 1400), (Fault.TOO_EARLY, 1700), (Fault.LOST_REPLY, 2100)]
"""Faults of the requests with these numbers, so that the report shows unfinished records."""


async def take_report(browser: Browser, picture: Path) -> None:
    """Run a batch, write its report, and take a screenshot."""
    summary = await _run()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        write_report(summary.report("recurring-2026-11.jsonl", "results.jsonl"), report)
        page = await browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="light")
        await page.goto(report.as_uri())
        await page.screenshot(path=picture, full_page=True)


async def _run() -> Summary:
    summary = Summary()
    async with Sandbox() as sandbox:
        for fault, at in _FAULTS:
            sandbox.faults.add("request_session", fault, at=at)
        async with sandbox.client() as checkout:
            outcomes = run(checkout, _records())
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    summary.add(outcome)
    return summary


def _records() -> Iterator[Record | BadLine]:
    rng = random.Random(_RECORDS)
    for line in range(1, _RECORDS + 1):
        if line % 500 == 0:
            yield BadLine(line=line, reason="the line is not a JSON object")
        else:
            yield Record(line=line, request=_request(rng))


def _request(rng: random.Random) -> dict[str, object]:
    """Return a merchant-initiated session for a stored card; most of them succeed."""
    weights = [1 if scenario.failure else 600 if scenario.name == "frictionless" else 4 for scenario in SCENARIOS]
    source = card(rng, rng.choices(SCENARIOS, weights)[0].name)
    return {"source": source, "amount": 1500, "currency": "GBP", **merchant_initiated(rng)}
