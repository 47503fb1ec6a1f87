"""One Chromium for each test, and the shop with its simulator.

Playwright is imported by fixtures only: `make test` collects these tests without it.
"""

from __future__ import annotations
