"""The tests of docs/testing.md pass as they stand, in a pytest of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.documents import python_blocks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCKS = python_blocks(ROOT / "docs" / "testing.md")
FILES = {match[1]: block for block in BLOCKS if (match := re.match(r"# (\w+\.py)\n", block))}
TESTS = sorted(
    f"{name}::{test}"
    for name, block in FILES.items()
    for test in re.findall(r"^(?:async )?def (test_\w+)", block, re.MULTILINE)
)
SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
PYTEST = (sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors")
PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "checkout_async.testing.plugin")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run all of them at once; return what was wrong with each, or an empty text."""
    folder = tmp_path_factory.mktemp("docs")
    for name, block in FILES.items():
        (folder / name).write_text(block)
    (folder / "pytest.ini").write_text(SETTINGS)
    report = folder / "report.xml"
    path = os.pathsep.join([str(ROOT), str(folder)])
    done = subprocess.run(
        [*PYTEST, *PLUGINS, f"--junitxml={report}", str(folder)],
        env={**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return {
        f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name')}": "".join(
            each.text or "" for each in case if each.tag in {"failure", "error", "skipped"}
        )
        for case in ET.parse(report).iter("testcase")
    }


def test_every_block_is_a_file_of_a_test_or_of_what_it_tests() -> None:
    assert len(FILES) == len(BLOCKS)
    assert all(name.startswith(("test_", "shop_")) for name in FILES)


@pytest.mark.parametrize("test", TESTS)
def test_the_test_of_the_page_passes(results: dict[str, str], test: str) -> None:
    assert results[test] == ""
