"""Every block of every page runs as it stands, in the namespace of its page and in the order of the page.

A page may need what it says it needs: the variables `CHECKOUT_...`, which lead to a simulator here, and the files
that it names. Nothing else is prepared, and no block is changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest
import trustme

from checkout_async.sandbox import Sandbox
from codegen.__main__ import main
from tests.docs import engines
from tests.docs.pages import PAGES, leading_to, name_of, run_page
from tests.documents import python_blocks
from tests.processes.children import loop_in_thread

# Its blocks are tests of applications: tests/testing/test_docs.py runs them in a pytest of their own.
OF_TESTS = {"docs/testing.md"}
WITH_CODE = [page for page in PAGES if python_blocks(page) and name_of(page) not in OF_TESTS]
SLOW = {"docs/cluster.md", "docs/packages.md"}  # Dask starts processes; a package is generated


def certificates(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """A private authority, and a certificate of a client with its key."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "company.pem"))
    client = authority.issue_cert("shop.example")
    client.private_key_pem.write_to_path(str(folder / "shop.key"))
    client.cert_chain_pems[0].write_to_path(str(folder / "shop.pem"))


def unconfigured_django(_folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Django without settings: another test of this process may have made some."""
    # Django has no type hints.
    conf, functional = (cast("Any", import_module(name)) for name in ("django.conf", "django.utils.functional"))
    held = cast("dict[str, Any]", vars(conf.settings))
    held.clear()
    held["_wrapped"] = functional.empty


def generated_package(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that the page generates with its overlay."""
    page = (Path(__file__).parents[2] / "docs" / "packages.md").read_text()
    (name,) = re.findall(r"`private/(components/\S+)`", page)
    (overlay,) = re.findall(r"\n\n((?:    .+\n)*    VoidRequest:\n(?:    .+\n)+)", page)
    (folder / "private" / name).parent.mkdir(parents=True)
    (folder / "private" / name).write_text(dedent(overlay))
    assert main(["--package", "mylib", "--overlay", "private"]) == 0


NEEDS: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "docs/cluster.md": engines.provide,
    "docs/frameworks.md": unconfigured_django,
    "docs/network.md": certificates,
    "docs/packages.md": generated_package,
}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Sandbox]:
    """Start a simulator in a thread, name it in the environment, and go to an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    sandbox = Sandbox()
    with loop_in_thread() as run:
        run(sandbox.__aenter__())
        for name, value in leading_to(sandbox.base_url).items():
            monkeypatch.setenv(name, value)
        yield sandbox
        run(sandbox.__aexit__(None, None, None))


def test_pages_with_code_are_found() -> None:
    assert len(WITH_CODE) >= 12
    assert set(NEEDS) | SLOW <= {name_of(page) for page in WITH_CODE}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name_of(page), marks=[pytest.mark.slow] if name_of(page) in SLOW else [])
        for page in WITH_CODE
    ],
)
def test_its_blocks_run_as_they_stand(
    page: Path, simulator: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if needed := NEEDS.get(name_of(page)):
        needed(tmp_path, monkeypatch)
    run_page(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_its_code_is_in_fences_that_the_tests_see(page: Path) -> None:
    """An indented fence, or one of another name, would not run."""
    text = page.read_text(encoding="utf-8")
    assert text.count("```python\n") == len(python_blocks(page))
    assert "```py\n" not in text
    assert "```pycon\n" not in text
