"""The changes of docs/regenerating.md are those that `scripts/try_changes.py` makes, and they fit the fragments."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main as codegen
from scripts import try_changes
from scripts.try_changes import CHANGES, PAGE, STEPS, Done, edit, machine, page_exits, read_changes, table, write_times
from tests.codegen.support import compile_once

ROOT = Path(__file__).parents[1]
MADE = {each["name"]: each for each in read_changes()}


def test_the_page_has_each_change_with_its_exit_code() -> None:
    stated = page_exits()
    assert list(stated) == list(MADE)
    refused = {name for name, each in MADE.items() if "refused" in each["step"][-1]}
    assert stated == {name: "" if name in refused else str(each["exit"]) for name, each in MADE.items()}


def test_the_page_has_the_times_of_each_change() -> None:
    place = try_changes.TIMES.search(PAGE.read_text())
    assert place is not None
    assert re.findall(r"^\| (.+?) \| .*\d+\.\d .*\|$", place[1], re.MULTILINE) == list(MADE)


@pytest.mark.parametrize("name", MADE)
def test_what_a_change_replaces_is_there(name: str, tmp_path: Path) -> None:
    for step in MADE[name]["step"]:
        for change in step["edits"]:
            file = tmp_path / "openapi" / change["file"]
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes((ROOT / "openapi" / change["file"]).read_bytes())
            edit(tmp_path, change)


def test_a_text_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi" / "a.yaml").write_text("a: 1\n")
    with pytest.raises(try_changes.Unexpected, match="0 times"):
        edit(tmp_path, {"file": "a.yaml", "old": "b", "new": "c"})


def test_times_that_were_not_taken_again_stay_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- times -->\n<!-- end of times -->\nafter\n")
    monkeypatch.setattr(try_changes, "PAGE", page)
    first: dict[str, dict[str, str]] = {name: {"generate": "1.0"} for name in MADE}
    write_times(first)
    again: dict[str, Any] = {"limit": {"generate": "2.0", "diff": "3.0"}}
    write_times(again)
    expected = table({**first, **again})
    text = f"before\n<!-- times -->\n{machine()}:\n\n{expected}\n\n<!-- end of times -->\nafter\n"
    assert page.read_text() == text
    assert len(STEPS) == expected.splitlines()[0].count("|") - 2


def run_here(folder: Path, *arguments: str) -> Done:
    """Run the compiler in this process, which saves its start, with all that it prints."""
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = codegen(["--root", str(folder), *arguments])
    return Done(code, printed.getvalue(), 0.0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["limit", "query array"])
def test_a_change_goes_through_the_commands_as_the_page_says(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = try_changes.run

    def run_most_here(folder: Path, *arguments: str) -> Done:
        # The quickest command runs as the script runs all of them: in a process of its own, with the code of the copy.
        return run(folder, *arguments) if arguments == ("lint",) else run_here(folder, *arguments)

    compile_once(monkeypatch)
    monkeypatch.setattr(try_changes, "run", run_most_here)
    monkeypatch.setattr(sys, "argv", ["try_changes.py", name])
    done = try_changes.main()
    printed = capsys.readouterr()
    assert done == 0, printed.out + printed.err
    assert "$ python -m codegen check" in printed.out
    assert CHANGES.exists()
