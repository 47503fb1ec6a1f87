"""Makes the changes of docs/regenerating.md in clean copies of the repository with its commands, and times them.

`scripts/changes/changes.toml` has the changes. Each copy gets its edits, and then: generate, lint, diff HEAD, accept,
check. The script prints what was edited and what the commands said, and fails if that is not what the file expects, or
if the page states another exit code. Names of changes choose some. `--write` puts their times into the page.

Times are of the processor, in user and system mode, with the processes that a command starts.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
CHANGES: Final = ROOT / "scripts" / "changes" / "changes.toml"
PAGE: Final = ROOT / "docs" / "regenerating.md"
FOLDERS: Final = ("checkout_async", "codegen", "docs", "openapi", "scripts", "tests/codegen/new_api")
STEPS: Final = ("adopt", "generate", "lint", "diff", "accept", "check")
TIMES: Final = re.compile(r"<!-- times -->\n(.*?)<!-- end of times -->", re.DOTALL)


class Unexpected(Exception):
    """A command said something else than the file expects."""


class Done(NamedTuple):
    """How a command ended: its exit code, what it printed, and its processor time in seconds."""

    code: int
    output: str
    seconds: float


def read_changes() -> list[dict[str, Any]]:
    """Return the changes of the file."""
    changes: list[dict[str, Any]] = tomllib.loads(CHANGES.read_text(encoding="utf-8"))["change"]
    return changes


def copy_repository(folder: Path) -> None:
    """Copy what the compiler reads and writes, and commit it, so that `diff HEAD .` has something to compare with."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for command in (["init", "--quiet"], ["add", "openapi"], ["commit", "--quiet", "--message", "As it was"]):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True)


def run(folder: Path, *arguments: str) -> Done:
    """Run the compiler in a copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "codegen", *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        printed.seek(0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        return Done(code, printed.read(), used.ru_utime + used.ru_stime)


def edit(folder: Path, change: Mapping[str, Any]) -> None:
    """Replace a text in a file of the fragments. Raises Unexpected if it is not there exactly once."""
    path = folder / "openapi" / change["file"]
    text = path.read_text(encoding="utf-8")
    count = text.count(change["old"])
    if count != 1 and not (count and change.get("first")):
        raise Unexpected(f"{change['file']} has the text to replace {count} times: {change['old']!r}")
    path.write_text(text.replace(change["old"], change["new"], 1), encoding="utf-8")


def shown(change: Mapping[str, Any]) -> str:
    """Return an edit as the lines that it adds and takes away."""
    old, new = change["old"].splitlines(), change["new"].splitlines()
    gone, added = (
        [line for line in lines if line and line not in others] for lines, others in ((old, new), (new, old))
    )
    return "\n".join(
        [f"  openapi/{change['file']}", *(f"  - {line}" for line in gone), *(f"  + {line}" for line in added)]
    )


class Exercise:
    """One change in a copy of the repository."""

    def __init__(self, change: Mapping[str, Any], folder: Path) -> None:
        self._change = change
        self._folder = folder
        self.times: dict[str, float] = {}

    def run(self) -> None:
        """Make the change, and do what the page says. Raises Unexpected."""
        print(f"\n## {self._change['name']}")
        for step in self._change["step"]:
            self._edit(step)
            refused = step.get("refused")
            self._do("generate", code=1 if refused else 0, says=[refused] if refused else [])
            if refused and step is self._change["step"][-1]:
                return
        lint = self._change.get("lint")
        self._do("lint", code=1 if lint else 0, says=[lint] if lint else [])
        self._do("diff", "HEAD", ".", code=self._change["exit"], says=self._change["says"])
        self._do("accept", "--why", "The provider announced it.", quiet=True)
        self._do("check")

    def _edit(self, step: Mapping[str, Any]) -> None:
        if "adopt" in step:
            self._do("adopt", *step["adopt"])
        if "copy" in step:
            shutil.copytree(self._folder / step["copy"], self._folder / "openapi", dirs_exist_ok=True)
            print(f"  files of {step['copy']}")
        for each in step["edits"]:
            edit(self._folder, each)
            print(shown(each))

    def _do(
        self, command: str, *arguments: str, code: int = 0, says: list[str] | None = None, quiet: bool = False
    ) -> None:
        done = run(self._folder, command, *arguments)
        self.times[command] = self.times.get(command, 0) + done.seconds
        print(f"$ python -m codegen {' '.join([command, *arguments])}   # {done.seconds:.1f} s, exit code {done.code}")
        if not quiet:
            print("".join(f"  {line}\n" for line in done.output.splitlines()), end="")
        missing = [each for each in says or [] if each not in done.output]
        if done.code != code or missing:
            raise Unexpected(
                f"{self._change['name']}: {command} ended with {done.code}, not {code}, or lacks {missing}"
            )


def page_exits() -> dict[str, str]:
    """Return the exit code of each change in the table of the page."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| .+ \| ?(\d?) ?\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    """Return the times as a table."""
    lines = [f"| {name} | {' | '.join(found.get(step, '') for step in STEPS)} |" for name, found in rows.items()]
    return "\n".join([f"| Change | {' | '.join(STEPS)} |", f"|---{'|---:' * len(STEPS)}|", *lines])


def write_times(times: Mapping[str, Mapping[str, str]]) -> None:
    """Put times into the page. What was not tried keeps the times that it has there."""
    text = PAGE.read_text(encoding="utf-8")
    place = TIMES.search(text)
    if place is None:
        raise Unexpected(f"{PAGE.name} has no place for the times")
    part = place[1]
    cells = ([each.strip() for each in line.strip("|").split("|")] for line in part.splitlines() if line[:2] == "| ")
    rows: dict[str, Mapping[str, str]] = {name: dict(zip(STEPS, found, strict=True)) for name, *found in cells}
    rows.update(times)
    ordered = {each["name"]: rows[each["name"]] for each in read_changes() if each["name"] in rows}
    written = f"{machine()}:\n\n{table(ordered)}\n\n"
    PAGE.write_text(text[: place.start(1)] + written + text[place.end(1) :], encoding="utf-8")


def machine() -> str:
    """Return what the times were taken on."""
    models = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    when = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    kind = models[0] if models else platform.machine()
    return f"{when}, {len(models)} cores of {kind}, Python {platform.python_version()}"


def main() -> int:
    """Make the chosen changes. Return 0 if all went as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="changes of the file (default: all)")
    parser.add_argument("--write", action="store_true", help="put the times into docs/regenerating.md")
    options = parser.parse_args()
    exits, times, wrong = page_exits(), dict[str, dict[str, str]](), list[str]()
    for change in read_changes():
        if options.names and change["name"] not in options.names:
            continue
        with tempfile.TemporaryDirectory(prefix="change-") as name:
            copy_repository(Path(name))
            exercise = Exercise(change, Path(name))
            try:
                exercise.run()
            except Unexpected as unexpected:
                wrong.append(str(unexpected))
                print(f"UNEXPECTED: {unexpected}")
            times[change["name"]] = {step: f"{seconds:.1f}" for step, seconds in exercise.times.items()}
        stated = "" if "diff" not in exercise.times else str(change["exit"])
        if exits.get(change["name"]) != stated:
            wrong.append(
                f"{change['name']}: the page states the exit code {exits.get(change['name'])!r}, not {stated!r}"
            )
    print(f"\n{table(times)}\n\n{machine()}")
    if options.write and not wrong:
        write_times(times)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
