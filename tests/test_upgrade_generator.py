"""`make upgrade-generator` shows by class what another version of the generator changes, and edits nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import upgrade_generator
from scripts.upgrade_generator import changes, read_modules, read_pin, replace_pin

ROOT = Path(__file__).parents[1]
OLD = '''\
"""Models."""
from msgspec import Meta

@deprecated("old")
class A:
    x: int

class B:
    y: str
'''


def test_the_pin_is_the_one_of_the_extra() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'"datamodel-code-generator=={read_pin(text)}"' in text
    assert read_pin(replace_pin(text, "9.9.9")) == "9.9.9"


def test_equal_modules_change_nothing() -> None:
    assert list(changes(read_modules(ROOT), read_modules(ROOT))) == []
    assert list(changes({"a.py": OLD}, {"a.py": OLD.replace("\n\n", "\n\n\n")})) == []


@pytest.mark.parametrize(
    ("new", "place", "diff"),
    [
        (OLD.replace("y: str", "y: str | None"), "a.py: B", "-    y: str\n+    y: str | None"),
        (OLD.replace('@deprecated("old")\n', ""), "a.py: A", '-@deprecated("old")'),
        (OLD.replace("from msgspec import Meta\n", ""), "a.py: (outside of classes)", "-from msgspec import Meta"),
        (OLD + "\nclass C:\n    z: int\n", "a.py: C", "+class C:\n+    z: int"),
        (OLD[: OLD.index("class B")], "a.py: B", "-class B:\n-    y: str"),
    ],
    ids=["member", "decorator", "import", "new class", "lost class"],
)
def test_a_change_is_shown_by_class(new: str, place: str, diff: str) -> None:
    ((found, shown),) = changes({"a.py": OLD}, {"a.py": new})
    assert found == place
    assert diff in shown


@pytest.mark.parametrize(
    ("arguments", "made", "code"),
    [
        ([], {}, 1),
        ([], None, 2),
        (["--pin"], None, 2),
        (["--version", "1.2.3"], {}, 1),
    ],
    ids=["other code", "no code", "no code to pin", "one version"],
)
def test_nothing_is_edited_unless_it_is_asked_for_and_works(
    arguments: list[str], made: dict[str, str] | None, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(arguments, made, monkeypatch, tmp_path) == code
    assert read_pin((tmp_path / "pyproject.toml").read_text()) != "1.2.3"


def test_the_pin_is_edited_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(["--pin"], {}, monkeypatch, tmp_path) == 1
    assert read_pin((tmp_path / "pyproject.toml").read_text()) == "1.2.3"


def run(arguments: list[str], made: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch, root: Path) -> int:
    """Run the script in a folder with a pyproject.toml and one module, with a generator that makes other modules."""
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    module = root / "checkout_async" / "_generated" / "a.py"
    module.parent.mkdir(parents=True)
    module.write_text(OLD)

    def installed(environment: Path, version: str | None) -> Path:
        assert version == ("1.2.3" if "--version" in arguments else None)
        return environment / "python"

    def version(python: Path) -> str:
        return "1.2.3"

    def made_by(python: Path) -> dict[str, str] | None:
        return made

    def agrees(python: Path) -> bool:
        return True

    monkeypatch.setattr(upgrade_generator, "ROOT", root)
    monkeypatch.setattr(upgrade_generator, "set_up", installed)
    monkeypatch.setattr(upgrade_generator, "installed_version", version)
    monkeypatch.setattr(upgrade_generator, "try_generator", made_by)
    monkeypatch.setattr(upgrade_generator, "compare_printer", agrees)
    monkeypatch.setattr("sys.argv", ["upgrade_generator", *arguments])
    return upgrade_generator.main()
