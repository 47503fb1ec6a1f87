"""A run that would change nothing is recognised by a hash of all that it reads and wrote, and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from codegen.__main__ import main
from codegen.compiler import Compiled
from codegen.contract import FORMAT
from codegen.document import EMPTY
from codegen.record import RECORD, is_verified, record
from codegen.write import DOCS, GENERATED, MANIFEST, write_tree
from tests.codegen.support import ORDER, SHOP, write_fragments

FILES = {f"{GENERATED}/models/shop.py": b"x = 1\n", MANIFEST: b"{}\n", DOCS: b"text\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root whose files are as at the last good run."""
    write_fragments(tmp_path, SHOP)
    write_tree(tmp_path, FILES)
    record(tmp_path, tmp_path)
    assert is_verified(tmp_path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["generate", "check"])
def test_a_recognised_run_compiles_nothing(root: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_all(_: Path) -> NoReturn:
        pytest.fail("compiled")

    monkeypatch.setattr("codegen.generate.compile_all", compile_all)
    assert main(["--root", str(root), *arguments]) == 0


@pytest.mark.parametrize(
    "path", [f"openapi/{ORDER}", "openapi/openapi.yaml", f"{GENERATED}/models/shop.py", MANIFEST, DOCS, RECORD]
)
def test_a_changed_file_is_noticed(root: Path, path: str) -> None:
    file = root / path
    file.write_bytes(file.read_bytes()[:-1] + b"#\n")
    assert not is_verified(root, root)


@pytest.mark.parametrize("path", ["openapi/paths/more.yaml", "openapi/examples/a.json", f"{GENERATED}/models/b.py"])
def test_a_new_file_is_noticed(root: Path, path: str) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(b"")
    assert not is_verified(root, root)


def test_a_file_that_moved_is_noticed(root: Path) -> None:
    (root / "openapi" / ORDER).rename(root / "openapi" / "components" / "order.yaml")
    assert not is_verified(root, root)


@pytest.mark.parametrize("tool", ["datamodel-code-generator", "ruff", "msgspec"])
def test_another_version_of_a_tool_is_noticed(root: Path, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        return "9" if name == tool else "1"

    monkeypatch.setattr("codegen.record.version", version)
    assert not is_verified(root, root)


def test_a_changed_source_of_the_compiler_or_of_the_package_is_noticed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("codegen", "checkout_async"):
        sources = tmp_path / "sources" / name
        sources.mkdir(parents=True)
        (sources / "a.py").write_text("x = 1\n")
    monkeypatch.setattr("codegen.record._HERE", tmp_path / "sources" / "codegen")
    monkeypatch.setattr("codegen.record._PACKAGE", tmp_path / "sources" / "checkout_async")
    for name in ("codegen", "checkout_async"):
        record(root, root)
        assert is_verified(root, root)
        (tmp_path / "sources" / name / "a.py").write_text("x = 2\n")
        assert not is_verified(root, root)


def test_a_run_that_failed_is_not_recorded(tmp_path: Path) -> None:
    write_fragments(tmp_path, {**SHOP, "paths/orders.yaml": "post: {}\n"})
    assert main(["--root", str(tmp_path)]) == 1
    assert not (tmp_path / RECORD).exists()


@pytest.mark.parametrize("changed", [False, True], ids=["as generated", "changed by hand"])
def test_accepting_is_recorded_if_the_files_are_those_of_the_fragments(
    root: Path, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_all(_: Path) -> Compiled:
        return Compiled(EMPTY, FILES, {"format": FORMAT})

    monkeypatch.setattr("codegen.commands.compile_all", compile_all)
    (root / RECORD).unlink()
    if changed:
        (root / MANIFEST).write_bytes(b"{ }\n")
    assert main(["accept", "--root", str(root)]) == 0
    assert is_verified(root, root) is not changed
