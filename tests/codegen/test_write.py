"""Files are replaced as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.write import GENERATED, existing_files, write_tree


def test_a_run_that_dies_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{GENERATED}/module.py"
    write_tree(tmp_path, {path: b"old"})

    def die(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            write_tree(tmp_path, {path: b"new"})
    assert (tmp_path / path).read_bytes() == b"old"
    write_tree(tmp_path, {path: b"new"})
    assert (tmp_path / path).read_bytes() == b"new"
    assert existing_files(tmp_path) == {path}
