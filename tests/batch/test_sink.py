"""Results are written at once, whole, and into a file that only its owner may read."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from checkout_async.batch import Outcome
from checkout_async.batch.sink import ResultFile
from checkout_async.errors import ConfigurationError
from tests.batch.support import record, session


def outcome(line: int) -> Outcome:
    return Outcome.of(record(line), session())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def largest_file(size: int) -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_a_line_is_in_the_file_as_soon_as_it_is_written(path: Path) -> None:
    with ResultFile.create(path) as results:
        for line in (2, 1):
            results.write(outcome(line))
            assert msgspec.json.decode(path.read_bytes().splitlines()[-1])["line"] == line


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    with ResultFile.create(path):
        assert mode_of(path) == 0o600


def test_an_existing_file_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="--force"):
        ResultFile.create(path)
    assert path.read_text() == "precious"


def test_force_empties_the_file_and_makes_it_private(path: Path) -> None:
    path.write_text("old")
    path.chmod(0o644)
    with ResultFile.create(path, force=True):
        assert (path.read_text(), mode_of(path)) == ("", 0o600)


def test_a_device_is_written_to_and_keeps_its_mode() -> None:
    before = mode_of(Path(os.devnull))
    with ResultFile.create(Path(os.devnull), force=True) as results:
        results.write(outcome(1))
    assert mode_of(Path(os.devnull)) == before


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.*No such file"):
        ResultFile.create(tmp_path / "nowhere" / "out.jsonl")


def test_a_result_that_does_not_fit_leaves_the_file_with_whole_lines(path: Path) -> None:
    with ResultFile.create(path) as results:
        results.write(outcome(1))
        whole = path.read_bytes()
        with largest_file(len(whole) + 10), pytest.raises(OSError, match="File too large"):
            results.write(outcome(2))
        assert path.read_bytes() == whole
        results.write(outcome(3))
    assert [msgspec.json.decode(line)["line"] for line in path.read_bytes().splitlines()] == [1, 3]
