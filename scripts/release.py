"""The checklist before a release. It publishes nothing: the last lines that it prints say how.

Each step must pass. The quick ones run first, and all of them; if one fails, the slow ones are left out.
`make release STEPS="version changelog"` runs some of them, `make release STEPS=list` names all.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parent.parent
MAIN: Final = "main"
UNPUBLISHED: Final = re.compile(r"(not on PyPI|nothing\sis\spublished)\syet", re.IGNORECASE)
FORM: Final = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")


class Failed(Exception):
    """A step did not pass."""


def run(*command: str) -> None:
    """Run a command in the repository. Raises Failed if it fails."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise Failed(f"`{' '.join(command)}` failed")


def git(*arguments: str) -> str:
    """Return what git prints. Raises Failed if it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr.strip())
    return done.stdout.strip()


def read_version() -> str:
    """Return the version of the package."""
    text = (ROOT / "checkout_async" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    if found is None:
        raise Failed("checkout_async/_version.py has no __version__")
    return found[1]


def check_tree() -> None:
    """Check that everything is committed, on the branch that is released."""
    if changed := git("status", "--porcelain"):
        raise Failed(f"these files are not committed:\n{changed}")
    if (branch := git("rev-parse", "--abbrev-ref", "HEAD")) != MAIN:
        raise Failed(f"this is the branch {branch}: releases are made from {MAIN}")


def check_version() -> None:
    """Check that the version is X.Y.Z or a pre-release of it, and later than every released one."""
    problem = version_problem(read_version(), git("tag", "--list", "v*").split())
    if problem:
        raise Failed(problem)


def version_problem(version: str, tags: list[str]) -> str:
    """Return what is wrong with a version, given the tags of earlier releases; empty if nothing is."""
    if not FORM.fullmatch(version):
        return f"{version} is not X.Y.Z, X.Y.ZaN, X.Y.ZbN or X.Y.ZrcN: correct checkout_async/_version.py"
    released = [tag.removeprefix("v") for tag in tags]
    if later := [each for each in released if Version(each) >= Version(version)]:
        return f"{version} is not later than the released {later[0]}: raise it in checkout_async/_version.py"
    return ""


def check_changelog() -> None:
    """Check that the changelog describes this version, under a heading with today's date or an earlier one."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if problem := changelog_problem(text, read_version(), datetime.now(UTC).date()):
        raise Failed(problem)


def changelog_problem(text: str, version: str, today: date) -> str:
    """Return what is wrong with the section of a version; empty if nothing is."""
    found = re.search(rf"^## {re.escape(version)} — (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
    if found is None:
        return f"CHANGELOG.md has no section `## {version} — YYYY-MM-DD`"
    try:
        dated = date.fromisoformat(found[1])
    except ValueError:
        return f"the section {version} of CHANGELOG.md is dated {found[1]!r}: write today's date as YYYY-MM-DD"
    if dated > today:
        return f"the section {version} of CHANGELOG.md is dated {dated}, which is not here yet"
    return "" if "\n- " in found[2] else f"the section {version} of CHANGELOG.md is empty"


def check_pages() -> None:
    """Check that no page says that the package is not published yet."""
    if pages := unpublished_pages(ROOT):
        raise Failed(
            f"{', '.join(pages)}: these pages say that nothing is published yet; write what is true from now on"
        )


def unpublished_pages(root: Path) -> list[str]:
    """Return the pages that say that nothing is published yet."""
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]
    return [str(page.relative_to(root)) for page in pages if UNPUBLISHED.search(page.read_text(encoding="utf-8"))]


def make(target: str) -> Callable[[], None]:
    """Return a step that runs a make target."""
    return lambda: run("make", "--no-print-directory", target)


QUICK: Final[Mapping[str, Callable[[], None]]] = {
    "tree": check_tree,
    "version": check_version,
    "changelog": check_changelog,
    "pages": check_pages,
    "differences": make("diff"),
    "lint": make("lint"),
    "check-generated": make("check-generated"),
    "licences": make("licences"),
}
SLOW: Final[Mapping[str, Callable[[], None]]] = {
    "audit": make("audit"),
    "type": make("type"),
    "check-bundle": make("check-bundle"),
    "test": make("test"),
    "test-kills": make("test-kills"),
    "test-services": make("test-services"),
    "test-browser": make("test-browser"),
    "test-simulation": make("test-simulation"),
    "test-matrix": make("test-matrix"),
    "mutants": make("mutants"),
    "build": make("build"),
    "dist": make("dist"),
}


def run_steps(steps: Mapping[str, Callable[[], None]]) -> dict[str, str]:
    """Run steps. Return the problems of those that failed."""
    problems: dict[str, str] = {}
    for name, step in steps.items():
        print(f"--- {name}", flush=True)
        began = time.monotonic()
        try:
            step()
        except Failed as error:
            problems[name] = str(error)
        print(f"{'failed' if name in problems else 'passed'}: {name}, {time.monotonic() - began:.0f} s", flush=True)
    return problems


def main() -> int:
    """Run the steps that the arguments name, or all. Return 0 if each of them passed."""
    wanted = sys.argv[1:] or [*QUICK, *SLOW]
    if wanted == ["list"]:
        print(*QUICK, *SLOW, sep="\n")
        return 0
    if unknown := set(wanted) - {*QUICK, *SLOW}:
        print(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join([*QUICK, *SLOW])}", file=sys.stderr)
        return 2
    problems = run_steps({name: step for name, step in QUICK.items() if name in wanted})
    slow = {name: step for name, step in SLOW.items() if name in wanted}
    if problems and slow:
        print(f"left out until the others pass: {', '.join(slow)}")
    else:
        problems |= run_steps(slow)
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    if problems:
        return 1
    version = read_version()
    print(f"Every step passed. To release {version}: git tag -a v{version} -m v{version} && git push origin v{version}")
    print("The workflow .github/workflows/release.yml then builds, attests and publishes what that tag contains.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
