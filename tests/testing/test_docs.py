"""The tests of docs/testing.md and docs/frameworks.md pass as they stand, each page in a pytest of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.documents import ROOT, named_files, names_of_tests, python_blocks, run_tests

pytestmark = pytest.mark.slow

PAGES = ("testing", "frameworks")
FILES = {page: named_files(ROOT / "docs" / f"{page}.md") for page in PAGES}
TESTS = [(page, test) for page in PAGES for test in names_of_tests(FILES[page])]


Results = Callable[[str], dict[str, str]]
"""What was wrong with each test of a page."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    @cache
    def of(page: str) -> dict[str, str]:
        return run_tests(FILES[page], tmp_path_factory.mktemp(page))

    return of


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_a_file_of_a_test_or_of_what_it_tests(page: str) -> None:
    assert len(FILES[page]) == len(python_blocks(ROOT / "docs" / f"{page}.md"))
    assert all(name.startswith(("test_", "shop_")) for name in FILES[page])


@pytest.mark.parametrize(("page", "test"), TESTS)
def test_the_test_of_the_page_passes(results: Results, page: str, test: str) -> None:
    assert results(page)[test] == ""
