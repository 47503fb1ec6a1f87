"""The generated files are replaced as a whole: whatever fails, and whenever a run is killed, no mixture is left."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.write import DOCS, GENERATED, MANIFEST, diff_tree, existing_files, write_tree

OLD = {f"{GENERATED}/a.py": b"old", f"{GENERATED}/models/b.py": b"old", MANIFEST: b"old", DOCS: b"old"}
NEW = {f"{GENERATED}/a.py": b"new", f"{GENERATED}/models/c.py": b"new", MANIFEST: b"new", DOCS: b"new"}
STEPS = ("mkdir", "open", "write_bytes", "rename", "replace")


def fail_at(patch: pytest.MonkeyPatch, step: int, die: Callable[[], object]) -> None:
    """Make the given step of those that change the disk fail."""
    begun: list[str] = []

    def wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Path, *arguments: Any, **options: Any) -> Any:
            if name == "open" and not is_for_writing(*arguments, **options):
                return function(self, *arguments, **options)
            begun.append(name)
            if len(begun) == step:
                die()
            return function(self, *arguments, **options)

        return run

    for name in STEPS:
        patch.setattr(Path, name, wrapped(name, getattr(Path, name)))


def is_for_writing(mode: str = "r", *_: object, **__: object) -> bool:
    return "w" in mode


def fill_disk(patch: pytest.MonkeyPatch, written: int, die: Callable[[], object]) -> None:
    """Make each write fail in the middle, from the given one on."""
    begun: list[Path] = []
    open_file: Callable[..., Any] = Path.open

    def run(self: Path, *arguments: Any, **options: Any) -> Any:
        file = open_file(self, *arguments, **options)
        if not is_for_writing(*arguments, **options):
            return file
        begun.append(self)
        return file if len(begun) < written else _Full(file, die)

    patch.setattr(Path, "open", run)


class _Full:
    """A file on a disk that has room for a half of what is written."""

    def __init__(self, file: Any, die: Callable[[], object]) -> None:
        self._file, self._die = file, die

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: Any) -> None:
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        self._die()


def refuse() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("before", [OLD, {}], ids=["over an old tree", "for the first time"])
def test_a_failure_at_any_step_leaves_the_old_tree(
    tmp_path: Path, before: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        write_tree(tmp_path, before)
    step = 0
    while True:
        step += 1
        with monkeypatch.context() as patch:
            fail_at(patch, step, refuse)
            if not _fails(tmp_path):
                break
        assert diff_tree(tmp_path, before) == ""
        assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    assert step > 10
    assert diff_tree(tmp_path, NEW) == ""


def _fails(output: Path) -> bool:
    try:
        write_tree(output, NEW)
    except OSError:
        return True
    return False


KILLED = """
import os, sys
from pathlib import Path
from pytest import MonkeyPatch
from codegen.write import GENERATED, diff_tree, write_tree
from tests.codegen.test_write import NEW, OLD, fail_at

for step in range(1, 100):
    output = Path(sys.argv[1]) / str(step)
    write_tree(output, OLD)
    child = os.fork()
    if not child:
        fail_at(MonkeyPatch(), step, lambda: os._exit(9))
        write_tree(output, NEW)
        os._exit(0)
    done = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    if (output / GENERATED).exists():
        left = {path.relative_to(output).as_posix(): path.read_bytes() for path in (output / GENERATED).rglob("*.*")}
        assert left in [{path: tree[path] for path in tree if path.startswith(GENERATED)} for tree in (OLD, NEW)], left
    write_tree(output, NEW)
    assert diff_tree(output, NEW) == ""
    assert {path.name for path in (output / "checkout_async").iterdir()} == {"_generated"}
    if done:
        print(step)
        break
"""


@pytest.mark.slow
def test_the_run_after_one_that_was_killed_at_any_step_makes_the_tree_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


def test_nothing_is_touched_if_nothing_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, NEW)
    with monkeypatch.context() as patch:
        fail_at(patch, 1, refuse)
        write_tree(tmp_path, NEW)
    assert existing_files(tmp_path) == NEW.keys()
