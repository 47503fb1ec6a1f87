"""The compiler of an installed package: `python -m checkout_async.codegen`, from the folders of the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.codegen.support import HERE

REPOSITORY = HERE.parents[1]
WHEEL = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of the wheel."""
    site = tmp_path_factory.mktemp("site-packages")
    for name in WHEEL["only-include"]:
        target = site / WHEEL["sources"].get(name, name)
        shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
    return site


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "checkout_async.codegen", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_nothing_but_the_package_is_installed(installed: Path) -> None:
    assert [each.name for each in installed.iterdir()] == ["checkout_async"]


@pytest.mark.slow
def test_it_generates_a_package_that_imports(installed: Path, tmp_path: Path) -> None:
    # A program may have a package of that name.
    (tmp_path / "codegen").mkdir()
    (tmp_path / "codegen" / "__init__.py").write_text("raise RuntimeError\n")
    fragments = HERE / "parcels" / "openapi"
    done = run(installed, tmp_path, "--package", "mylib", "--openapi", str(fragments))
    assert done.returncode == 0, done.stderr
    show = "import mylib, checkout_async; print(mylib.models.parcels.Parcel.__module__, checkout_async.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", show]
    used = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert used.stdout.split() == ["mylib.models.parcels", str(installed / "checkout_async" / "__init__.py")]


@pytest.mark.slow
def test_it_never_generates_into_itself(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path)
    assert done.returncode == 2
    assert "usage: python -m checkout_async.codegen" in done.stderr
    assert "--package is missing" in done.stderr


@pytest.mark.slow
def test_other_tasks_are_about_the_fragments_of_the_current_folder(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE / "parcels" / "openapi", tmp_path / "openapi")
    done = run(installed, tmp_path, "--count")
    assert done.returncode == 0, done.stderr
    assert "parcels" in done.stdout


def test_a_missing_tool_is_named_with_the_extra(tmp_path: Path) -> None:
    (tmp_path / "datamodel_code_generator.py").write_text(
        "raise ModuleNotFoundError(name='datamodel_code_generator')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)])}
    command = [sys.executable, "-m", "checkout_async.codegen", "--count"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "this needs the package datamodel_code_generator: pip install 'checkout-async[codegen]'\n"
