"""Runs the quick tests on each supported Python of this machine, with the newest and the lowest declared dependencies.

It takes the Pythons that the classifiers name from PATH and from pyenv, and says which of them are missing. `--python
3.12` chooses one, `--set lowest` or `--set newest` one set of dependencies. Arguments after `--` go to pytest in place
of the usual ones. The environments stay in .venv-matrix. It fails if a run fails, or if there was none.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENTS: Final = ROOT / ".venv-matrix"
SETS: Final = ("newest", "lowest")
QUICK: Final = ("-n", "logical", "--dist", "worksteal", "-m", "not slow", "--hypothesis-profile=quick")


def read_project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def lowest_versions(project: dict[str, Any]) -> Iterator[str]:
    """Yield `name==version` for each dependency of the package and its extras, with the lowest version it declares.

    Raises ValueError if one declares none.
    """
    extras = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(text for extra in extras for text in extra)]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            continue
        floors = [each.version for each in requirement.specifier if each.operator in {">=", "==", "~="}]
        if len(floors) != 1:
            raise ValueError(
                f"{text!r} in pyproject.toml does not state the lowest version: write {requirement.name}>=X"
            )
        yield f"{requirement.name}=={floors[0]}"


def supported_versions(project: dict[str, Any]) -> list[str]:
    """Return the versions of Python that the classifiers name, such as 3.11."""
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in project["classifiers"])
    return [each[1] for each in found if each]


def find_python(version: str) -> str | None:
    """Return a Python of this minor version from PATH or pyenv, or None. A shim of pyenv that cannot run is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    for candidate in filter(None, candidates):
        show = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([str(candidate), "-c", show], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return str(candidate)
    return None


def set_up(python: str, environment: Path, constraints: Path | None) -> Path:
    """Install the package with all extras and what the tests need. Return the environment's Python."""
    own = environment / "bin" / "python"
    pip: list[str | Path] = [own, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade"]
    if not own.exists():
        run(python, "-m", "venv", environment)
        run(*pip, "pip>=25.1")
    chosen: list[str | Path] = ["--constraint", constraints] if constraints else ["--upgrade-strategy", "eager"]
    run(*pip, "--editable", ".[all,codegen]", "--group", "test", *chosen)
    return own


def run(*command: str | Path) -> None:
    """Run a command in the repository. Raises CalledProcessError if it fails."""
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)


def try_one(version: str, dependencies: str, tests: Sequence[str]) -> str | None:
    """Run the tests on one Python with one set of dependencies. Return how it ended; None if this Python is missing."""
    python = find_python(version)
    if python is None:
        return None
    constraints = ENVIRONMENTS / "lowest.txt"
    constraints.write_text("".join(f"{line}\n" for line in lowest_versions(read_project())), encoding="utf-8")
    print(f"--- Python {version}, {dependencies} dependencies", flush=True)
    try:
        own = set_up(
            python, ENVIRONMENTS / f"{version}-{dependencies}", constraints if dependencies == "lowest" else None
        )
        run(own, "-m", "pytest", "-q", *tests)
    except subprocess.CalledProcessError as error:
        return f"failed: {' '.join(error.cmd[1:4])} ended with {error.returncode}"
    return "passed"


def main() -> int:
    """Run what the arguments choose, and print a summary. Return 0 if every run passed."""
    project = read_project()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", choices=supported_versions(project))
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("tests", nargs="*", help="arguments for pytest, after `--`")
    options = parser.parse_args()
    ENVIRONMENTS.mkdir(exist_ok=True)
    ends = {
        (version, dependencies): try_one(version, dependencies, options.tests or QUICK)
        for version in options.python or supported_versions(project)
        for dependencies in options.set or SETS
    }
    for (version, dependencies), end in ends.items():
        print(f"Python {version}, {dependencies}: {end or 'this Python is not on this machine'}")
    tried = [end for end in ends.values() if end]
    return 0 if tried and set(tried) == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main())
