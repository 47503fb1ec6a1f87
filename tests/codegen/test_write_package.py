"""A package is written into a folder of others: nothing of theirs is replaced or removed, whatever fails."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.target import parse_package
from codegen.write_package import MANIFEST_NAME, InTheWay, NotRestored, diff_package, package_manifest, write_package
from tests.codegen.support import HERE
from tests.codegen.test_write import fail_at, fill_disk, refuse

TARGET = parse_package("shop.api")
MANIFEST = f"shop/api/{MANIFEST_NAME}"


def package(**texts: str) -> dict[str, bytes]:
    """Return a package: a module for each text, and the manifest."""
    files = {f"shop/api/{name.replace('__', '/')}.py": text.encode() for name, text in texts.items()}
    return {**files, MANIFEST: package_manifest(files, TARGET, {"api": "1"})}


OLD = package(a="old = 1\n", models__b="old = 2\n", models__c="same = 3\n")
NEW = package(a="new = 1\n", models__c="same = 3\n", operations__d="new = 4\n")


def tree(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return a folder with a package that an earlier run wrote, among files of others."""
    write_package(tmp_path, OLD, TARGET)
    for name in ("setup.py", "shop/__init__.py", "shop/api/mine.py", "shop/api/models/mine.py"):
        (tmp_path / name).write_text("mine = 1\n")
    return tmp_path


THEIRS = dict.fromkeys(("setup.py", "shop/__init__.py", "shop/api/mine.py", "shop/api/models/mine.py"), b"mine = 1\n")


def test_what_an_earlier_run_wrote_is_replaced_and_removed_and_nothing_else(output: Path) -> None:
    write_package(output, NEW, TARGET)
    assert tree(output) == {**THEIRS, **NEW}
    assert list(json.loads((output / MANIFEST).read_bytes())["files"]) == ["a.py", "models/c.py", "operations/d.py"]


def test_a_run_that_changes_nothing_touches_nothing(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, 1, refuse)
        write_package(output, OLD, TARGET)
    assert diff_package(output, OLD, TARGET) == ""


def changed(output: Path) -> None:
    (output / "shop/api/a.py").write_text("old = 1  # mine\n")


def changed_and_obsolete(output: Path) -> None:
    (output / "shop/api/models/b.py").write_text("old = 2  # mine\n")


def foreign(output: Path) -> None:
    (output / "shop/api/operations").mkdir()
    (output / "shop/api/operations/d.py").write_text("mine = 1\n")


def folder_for_file(output: Path) -> None:
    (output / "shop/api/operations/d.py/x").mkdir(parents=True)


def file_for_folder(output: Path) -> None:
    (output / "shop/api/operations").write_text("mine\n")


def link_for_folder(output: Path) -> None:
    (output / "theirs").mkdir()
    (output / "shop/api/operations").symlink_to(output / "theirs")


def link_for_file(output: Path) -> None:
    (output / "shop/api/a.py").unlink()
    (output / "shop/api/a.py").symlink_to(output / "setup.py")


def other_manifest(output: Path) -> None:
    (output / MANIFEST).write_text('{"manifest_version": 3}')


def manifest_of_another_tool(output: Path) -> None:
    digest = hashlib.sha256(b"mine = 1\n").hexdigest()
    (output / MANIFEST).write_text(json.dumps({"files": {"mine.py": digest, "models/mine.py": digest}}))


def no_manifest(output: Path) -> None:
    (output / MANIFEST).unlink()


def manifest_that_leads_out(output: Path) -> None:
    content = json.loads((output / MANIFEST).read_bytes())
    content["files"]["../../setup.py"] = "0"
    (output / MANIFEST).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (changed, "shop/api/a.py was changed since a run wrote it: take the change back, or delete the file"),
        (changed_and_obsolete, "shop/api/models/b.py was changed since a run wrote it"),
        (foreign, "shop/api/operations/d.py exists, and no earlier run wrote it: move the file away"),
        (folder_for_file, "shop/api/operations/d.py is in the way of shop/api/operations/d.py"),
        (file_for_folder, "shop/api/operations is in the way of shop/api/operations/d.py"),
        (link_for_folder, "shop/api/operations is in the way of shop/api/operations/d.py"),
        (link_for_file, "shop/api/a.py is in the way of shop/api/a.py"),
        (other_manifest, f"{MANIFEST} is not a manifest of this compiler"),
        (manifest_of_another_tool, f"{MANIFEST} is not a manifest of this compiler"),
        (no_manifest, "shop/api/a.py exists, and no earlier run wrote it"),
        (manifest_that_leads_out, f"{MANIFEST} is not a manifest of this compiler"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_of_others_in_the_way_is_refused_and_nothing_is_written(
    output: Path, prepare: Callable[[Path], None], message: str
) -> None:
    prepare(output)
    before = tree(output)
    with pytest.raises(InTheWay) as refused:
        write_package(output, NEW, TARGET)
    assert message in str(refused.value)
    assert tree(output) == before


def test_a_file_that_was_deleted_is_written_again(output: Path) -> None:
    (output / "shop/api/a.py").unlink()
    (output / "shop/api/models/b.py").unlink()
    write_package(output, NEW, TARGET)
    assert tree(output) == {**THEIRS, **NEW}


def test_line_ends_that_git_changed_are_no_change(output: Path) -> None:
    file = output / "shop/api/a.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    write_package(output, NEW, TARGET)
    assert file.read_bytes() == b"new = 1\n"


@pytest.mark.parametrize("first", [False, True], ids=["over an old package", "for the first time"])
def test_a_failure_at_any_step_leaves_every_file_as_it_was(
    output: Path, tmp_path_factory: pytest.TempPathFactory, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("empty") / "new" if first else output
    before = tree(folder)
    step, failed = 0, True
    while failed:
        step += 1
        with monkeypatch.context() as patch:
            fail_at(patch, step, refuse)
            try:
                write_package(folder, NEW, TARGET)
                failed = False
            except OSError:
                assert tree(folder) == before
                assert folder.exists() is not first
    assert step > 6
    assert tree(folder) == {**before, **NEW, **(THEIRS if not first else {})} or not first
    assert diff_package(folder, NEW, TARGET) == ""


def do_nothing(*_: object) -> None:
    pass


class Killed(BaseException):
    """Stands for a kill: nothing of the run goes on after it."""


@pytest.mark.parametrize("step", range(1, 15))
def test_the_next_run_finishes_one_that_was_killed_at_any_step(
    output: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, step, die)
        patch.setattr("codegen.write_package._Undo.__exit__", do_nothing)
        with contextlib.suppress(Killed):
            write_package(output, NEW, TARGET)
    later = package(a="later = 1\n", operations__e="later = 5\n")
    write_package(output, later, TARGET)
    left = {name: content for name, content in tree(output).items() if not name.startswith(".codegen-")}
    assert left == {**THEIRS, **later}


def die() -> None:
    raise Killed


@pytest.mark.parametrize("written", range(1, 5))
def test_the_next_run_finishes_one_that_was_killed_within_a_file(
    output: Path, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fill_disk(patch, written, die)
        patch.setattr("codegen.write_package._Undo.__exit__", do_nothing)
        with pytest.raises(Killed):
            write_package(output, NEW, TARGET)
    write_package(output, NEW, TARGET)
    left = {name: content for name, content in tree(output).items() if not name.startswith(".codegen-")}
    assert left == {**THEIRS, **NEW}


def test_a_disk_that_is_full_from_any_write_on_leaves_every_file_as_it_was(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still full while files are put back."""
    before, written, failed = tree(output), 0, True
    while failed:
        written += 1
        with monkeypatch.context() as patch:
            fill_disk(patch, written, refuse)
            try:
                write_package(output, NEW, TARGET)
                failed = False
            except OSError as error:
                assert tree(output) == before
                assert str(error.filename).startswith(str(output))
    assert written > 5
    assert tree(output) == {**THEIRS, **NEW}


@pytest.mark.parametrize("step", range(1, 5))
def test_a_disk_that_is_full_and_refuses_a_folder_after_files_were_replaced(
    output: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written any more when files have begun to take the places of others: only names change."""
    before, replaced = tree(output), 0
    replace = Path.replace

    def run(self: Path, target: Path) -> Path:
        nonlocal replaced
        replaced += 1
        if replaced == step:
            fill_disk(monkeypatch, 1, refuse)
            refuse()
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", run)
        with pytest.raises(OSError, match="No space left"):
            write_package(output, NEW, TARGET)
    assert tree(output) == before


def test_a_file_that_cannot_be_put_back_is_named_and_kept_and_the_next_run_finishes(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, replaced = Path.replace, list[Path]()

    def run(self: Path, target: Path) -> Path:
        replaced.append(target)
        if len(replaced) >= 4:
            refuse()
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", run)
        with pytest.raises(NotRestored) as failed:
            write_package(output, NEW, TARGET)
    lines = str(failed.value).splitlines()
    assert [line.partition(" was not put back; its old content is in ")[0] for line in lines] == [
        str(output / name) for name in ("shop/api/models/b.py", "shop/api/a.py", MANIFEST)
    ]
    kept = lines[1].partition("its old content is in ")[2].partition(": No space left")[0]
    assert Path(kept).read_bytes() == OLD["shop/api/a.py"]
    write_package(output, NEW, TARGET)
    assert {name: each for name, each in tree(output).items() if not name.startswith(".codegen-")} == {**THEIRS, **NEW}


def test_the_command_says_which_file_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mylib").mkdir()
    (tmp_path / "mylib" / "__init__.py").write_text("mine = 1\n")
    fragments = HERE / "parcels" / "openapi"
    assert main(["--package", "mylib", "--openapi", str(fragments), "--output", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert "mylib/__init__.py exists, and no earlier run wrote it" in shown
    assert shown.endswith("nothing was written\n")
    assert tree(tmp_path) == {"mylib/__init__.py": b"mine = 1\n"}
