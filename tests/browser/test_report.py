"""The report of a batch on a phone: nothing is wider than the screen, and a result's bar shows its share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checkout_async.batch import BatchResult, ErrorInfo, Outcome, Summary, write_report

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.browser

_LARGEST = 12_345_678


def report_page(folder: Path) -> str:
    """A report of every result, with numbers as long as they get."""
    summary = Summary()
    for line, result in enumerate(BatchResult, 1):
        error = None if result.is_final else ErrorInfo(kind="UnprocessableEntity", message="refused")
        summary.add(Outcome(line=line, result=result, seconds=0.05 * line * line, error=error))
        summary.by_result[result] = _LARGEST
    path = folder / "report.html"
    write_report(summary.report("recurring-2026-11.csv", "results-of-the-night-2026-11.csv"), path)
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_report_fits_the_screen_and_its_bars_show_the_shares(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 844})
    await page.goto(report_page(tmp_path))
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    bars = page.locator(".results .bar")
    assert await bars.count() == len(BatchResult)
    box = await bars.first.bounding_box()
    assert box is not None
    assert box["width"] > 300
