"""What type checkers say about code that callers write: right lines pass, and wrong lines do not.

Each line of snippets/ that ends with `# right` or `# wrong` is a snippet. Both checkers run once, strictly, over all of
them. They must report exactly the lines that are marked as wrong.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SNIPPETS = HERE / "snippets"
Place = tuple[str, int]


def marked(mark: str) -> dict[Place, str]:
    return {
        (path.name, number): line.strip()
        for path in sorted(SNIPPETS.glob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith(f"  # {mark}")
    }


def pyright(folder: Path) -> set[Place]:
    """Return the lines that pyright reports."""
    shutil.copytree(SNIPPETS, folder / "snippets")  # pyright checks only what is in the folder of its settings
    settings = {
        "include": ["snippets"],
        "extraPaths": [str(REPOSITORY)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    project = folder / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "-p", str(project), "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(SNIPPETS.glob("*.py"))), done.stdout + done.stderr
    found = report["generalDiagnostics"]
    return {(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found}


def mypy(_folder: Path) -> set[Place]:
    """Return the lines that mypy reports. It knows the package already if `make type` has run: that saves 15 s."""
    files = sorted(map(str, SNIPPETS.glob("*.py")))
    command = [sys.executable, "-m", "mypy", *files]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "Found " in done.stdout, done.stdout + done.stderr
    return {
        (Path(each[1]).name, int(each[2])) for each in re.finditer(r"^(.+?):(\d+): error:", done.stdout, re.MULTILINE)
    }


def test_there_are_snippets_of_both_kinds() -> None:
    assert len(marked("right")) >= 60
    assert len(marked("wrong")) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("check", [pyright, mypy], ids=["pyright", "mypy"])
def test_checkers_report_the_wrong_lines_and_no_others(check: Callable[[Path], set[Place]], tmp_path: Path) -> None:
    reported = check(tmp_path)
    right, wrong = marked("right"), marked("wrong")
    missed = [text for place, text in wrong.items() if place not in reported]
    refused = [text for place, text in right.items() if place in reported]
    elsewhere = sorted(reported - wrong.keys() - right.keys())
    assert (missed, refused, elsewhere) == ([], [], [])
