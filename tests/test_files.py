"""Atomic writes: only the file itself is replaced, and only what a killed writer left is removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from checkout_async.files import atomic_write

NAMES = ("out.jsonl.new", "out.jsonl.0123abcd.new", "out.jsonl.0123456789abcdef.new.bak", "out.jsonl.1", "other.new")


def write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_files_of_similar_names_stay(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(name)
    write(tmp_path / "out.jsonl", b"new")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "out.jsonl": "new",
        **{name: name for name in NAMES},
    }


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.writelines([b"new", cast("bytes", None)])
    assert (path.read_text(), names_in(tmp_path)) == ("old", {"out.jsonl"})


def test_two_writers_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with atomic_write(path) as first:
        first.write(b"first")
        write(path, b"second")
        assert path.read_bytes() == b"second"
    assert (path.read_bytes(), names_in(tmp_path)) == (b"first", {"out.jsonl"})


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    if not (child := os.fork()):
        writing = atomic_write(path)
        writing.__enter__().write(b"half a f")
        os._exit(0)
    os.waitpid(child, 0)
    [left] = names_in(tmp_path)
    assert left.startswith("out.jsonl.")
    write(path, b"whole")
    assert (path.read_bytes(), names_in(tmp_path)) == (b"whole", {"out.jsonl"})


def test_a_link_with_the_name_of_a_leftover_stays(tmp_path: Path) -> None:
    foreign, link = tmp_path / "foreign", tmp_path / f"out.jsonl.{'0' * 16}.new"
    foreign.write_text("mine")
    link.symlink_to(foreign)
    write(tmp_path / "out.jsonl", b"new")
    assert (foreign.read_text(), link.is_symlink()) == ("mine", True)
