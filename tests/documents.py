"""The code in the documents."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent

_NAME = re.compile(r"# (\w+\.py)\b.*\n")
_TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
_SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
_PYTEST = (sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors")
_PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "checkout_async.testing.plugin")


def python_blocks(page: Path) -> list[str]:
    """Return the Python blocks of a Markdown page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def named_files(page: Path) -> dict[str, str]:
    """Return the blocks that begin with the name of a file, such as `# test_shop.py`, by that name."""
    return {match[1]: block for block in python_blocks(page) if (match := _NAME.match(block))}


def names_of_tests(files: dict[str, str]) -> list[str]:
    """Return the tests in files, as `test_shop.py::test_paying`."""
    return sorted(f"{name}::{test}" for name, block in files.items() for test in _TEST.findall(block))


def run_tests(files: dict[str, str], folder: Path) -> dict[str, str]:
    """Run the tests in files with a pytest of their own. Return what was wrong with each, or an empty text."""
    for name, block in files.items():
        (folder / name).write_text(block)
    (folder / "pytest.ini").write_text(_SETTINGS)
    report = folder / "report.xml"
    done = subprocess.run(
        [*_PYTEST, *_PLUGINS, f"--junitxml={report}", str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    complaints: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name', '').partition('[')[0]}"
        complaints[name] = complaints.get(name, "") + _complaint(case)
    return complaints


def _complaint(case: ET.Element) -> str:
    return "".join(each.text or "" for each in case if each.tag in {"failure", "error", "skipped"})
