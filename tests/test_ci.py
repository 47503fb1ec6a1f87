"""What `.ci/run` prints at its end: how long each step took, and last the test runner's closing line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STEPS = [
    re.sub(r"^(step|begin) ", "", line.strip()).replace('"', "")
    for line in ((ROOT / ".ci" / "run").read_text().splitlines() if (ROOT / ".ci").is_dir() else ())
    if re.match(r"\s*(step|begin) (make|scripts|wait)", line)
]
MAKE = """\
#!/bin/sh
echo "made $*"
[ "$1" != "$FAILING" ] || exit 3
[ "$1" != test ] || echo "9 passed in 1.00s"
"""

pytestmark = pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="an sdist has no files for the hosting service")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the script, and a `make` that does nothing."""
    for name in (".ci", "scripts", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name, text in (
        ("bin/make", MAKE),
        ("scripts/find_python", "#!/bin/sh\n"),
        ("scripts/install_redis", "#!/bin/sh\n"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(clone: Path, failing: str = "") -> tuple[int, list[str]]:
    environment = {"PATH": f"{clone / 'bin'}:/usr/bin:/bin", "FAILING": failing}
    command = [str(clone / ".ci" / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def table(lines: list[str]) -> list[str]:
    return [line.strip().split(maxsplit=1)[1] for line in lines[lines.index("seconds  step") + 1 :]]


def test_the_table_names_each_step_and_the_closing_line_comes_last(clone: Path) -> None:
    code, lines = run(clone)
    assert (code, lines[-1], lines.count(lines[-1])) == (0, "9 passed in 1.00s", 1)
    assert table(lines[:-1]) == [*(each[:100] for each in STEPS), "all"]
    assert [line for line in lines if line.startswith("made")] == [
        f"made {each.removeprefix('make ')}" for each in STEPS if each.startswith("make ")
    ]


@pytest.mark.parametrize("failing", ["lint", "demo", "test"])
def test_a_step_that_fails_ends_it_and_stands_in_the_table(clone: Path, failing: str) -> None:
    code, lines = run(clone, failing)
    assert code != 0
    shown = table(lines if failing != "test" else lines[:-1])
    assert shown[-2:] == [f"make {failing}: failed", "all"]
    if failing == "test":
        assert lines[-1] == "made test"
