"""Tries the newest datamodel-code-generator, or `--version X`, and shows what it would change.

It installs the generator into an environment of its own, compiles the fragments with it into a temporary folder, and
compares the result with the committed code, class by class. Then it compares what the generator writes with what our
own printer writes, as a test does. The repository stays as it is; `--pin` writes the new version into pyproject.toml
after that.

The exit code is 0 if nothing changes, 1 if generated code changes, and 2 if the generator cannot be used.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
GENERATED: Final = Path("checkout_async", "_generated")
GENERATOR: Final = "datamodel-code-generator"
PIN: Final = re.compile(rf"{GENERATOR}==([\w.]+)")
PRINTER: Final = "tests/codegen/test_types.py"


def read_pin(text: str) -> str:
    """Return the pinned version of the generator in the text of pyproject.toml. Raises ValueError if it is not one."""
    (version,) = {*PIN.findall(text)}
    return str(version)


def replace_pin(text: str, version: str) -> str:
    """Return the text of pyproject.toml with another version of the generator."""
    return PIN.sub(f"{GENERATOR}=={version}", text)


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what differs between two sets of modules, by class: `module: class`, and its diff.

    What stands outside of classes is one part of a module.
    """
    for path in sorted(old.keys() | new.keys()):
        before, after = (_parts(files.get(path, "")) for files in (old, new))
        for name in [*before, *(each for each in after if each not in before)]:
            was, is_now = (part.get(name, "").splitlines() for part in (before, after))
            if was != is_now:
                lines = difflib.unified_diff(was, is_now, lineterm="", n=1)
                yield f"{path}: {name}", "\n".join(list(lines)[2:])


def _parts(source: str) -> dict[str, str]:
    """Return the source of each class of a module, and of the rest of it."""
    lines = source.splitlines()
    parts: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            parts[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
            lines[first - 1 : node.end_lineno] = [""] * ((node.end_lineno or first) - first + 1)
    return {**parts, "(outside of classes)": "\n".join(line for line in lines if line)}


def read_modules(root: Path) -> dict[str, str]:
    """Return the generated modules below a folder by their paths in the generated package."""
    folder = root / GENERATED
    paths = [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def set_up(environment: Path, version: str | None) -> Path:
    """Install the compiler's tools with a version of the generator, by default the newest. Return the Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    others = [each for each in project["project"]["optional-dependencies"]["codegen"] if not each.startswith(GENERATOR)]
    wanted = GENERATOR if version is None else f"{GENERATOR}=={version}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade"]
    needed = [*project["project"]["dependencies"], *others, "pytest>=9.0", "pytest-asyncio>=1.4", "pytest-timeout>=2.4"]
    subprocess.run([*pip, *needed, wanted], check=True)
    return python


def installed_version(python: Path) -> str:
    """Return the version of the generator in an environment."""
    show = f"from importlib.metadata import version; print(version('{GENERATOR}'))"
    return subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout.strip()


def try_generator(python: Path) -> dict[str, str] | None:
    """Return the modules that the generator of an environment makes; None, after its message, if it cannot."""
    with tempfile.TemporaryDirectory() as name:
        done = subprocess.run([python, "-m", "codegen", "--output", name], cwd=ROOT, check=False)
        return read_modules(Path(name)) if done.returncode == 0 else None


def compare_printer(python: Path) -> bool:
    """Compare the generator of an environment with our own printer, and print how. Return whether both agree."""
    print("\nour own printer against the generator:", flush=True)
    command: list[str | Path] = [python, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", PRINTER]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def show_changes(found: list[tuple[str, str]]) -> None:
    """Print what changes, and how much."""
    for place, diff in found:
        print(f"\n{place}\n{diff}")
    print(f"\n{len(found)} classes and rests of modules change" if found else "the generated code stays as it is")


def main() -> int:
    """Try a version, and print what it changes. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", help="the version to try (default: the newest)")
    parser.add_argument("--pin", action="store_true", help="write the version into pyproject.toml if it can be used")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-generator", help="where to install it")
    options = parser.parse_args()
    project = ROOT / "pyproject.toml"
    pinned = read_pin(project.read_text(encoding="utf-8"))
    python = set_up(options.environment, options.version)
    tried = installed_version(python)
    print(f"{GENERATOR} {tried} against the pinned {pinned}", flush=True)
    made = try_generator(python)
    if made is None:
        print(f"the compiler does not work with {tried}", file=sys.stderr)
        return 2
    found = list(changes(read_modules(ROOT), made))
    show_changes(found)
    agrees = compare_printer(python)
    if options.pin and tried != pinned:
        project.write_text(replace_pin(project.read_text(encoding="utf-8"), tried), encoding="utf-8")
        print(f"pyproject.toml has {tried} now: run `make generate`")
    return 1 if found or not agrees else 0


if __name__ == "__main__":
    sys.exit(main())
