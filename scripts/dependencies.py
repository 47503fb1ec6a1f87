"""Lists what `pip install 'checkout-async[all,codegen]'` brings: `licences` as a Markdown table, `pins` for pip-audit.

It reads the metadata of the packages that are installed beside it, so it needs the extras `all` and `codegen`.
`licences --check` fails if docs/dependencies.md lacks one of them, or states another licence for it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE: Final = "checkout-async"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "dependencies.md"
# What packages without `License-Expression` (PEP 639) write, as SPDX expressions.
SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "MIT style": "MIT",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
}

EXPRESSION: Final = re.compile(r"[A-Z][A-Za-z]*(-[\w.]+)*( (AND|OR|WITH) [A-Z][A-Za-z]*(-[\w.]+)*)*")


def find_dependencies() -> dict[str, set[str]]:
    """Return the installed packages that the package and its extras need, each with the extras; `` is the package."""
    found: dict[str, set[str]] = {}
    for extra in ["", *sorted(metadata.metadata(PACKAGE).get_all("Provides-Extra") or ())]:
        seen: set[tuple[str, str]] = set()
        _walk(PACKAGE, extra, seen)
        for name in {name for name, _ in seen} - {PACKAGE}:
            found.setdefault(name, set()).add(extra)
    return dict(sorted(found.items()))


def _walk(name: str, extra: str, seen: set[tuple[str, str]]) -> None:
    if (name, extra) in seen:
        return
    seen.add((name, extra))
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for each in ["", *requirement.extras]:
                _walk(canonicalize_name(requirement.name), each, seen)


def licence(name: str) -> str:
    """Return the licence of an installed package as an SPDX expression. Raises ValueError if it states none."""
    about = metadata.metadata(name)
    expression, stated = (next(iter(about.get_all(key) or ()), "") for key in ("License-Expression", "License"))
    if expression:
        return str(expression)
    classifiers = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or () if "License ::" in each]
    stated = str(stated).strip().partition("\n")[0]
    texts: list[str] = [stated, *classifiers]
    for text in texts:
        if text in SPDX or EXPRESSION.fullmatch(text):
            return SPDX.get(text, text)
    raise ValueError(f"{name} does not state its licence in a known form ({stated!r}, {classifiers}): add it to SPDX")


def table(found: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the rows of the table by package."""
    rows: dict[str, str] = {}
    for name, extras in found.items():
        needed_by = "always" if "" in extras else ", ".join(f"`{each}`" for each in sorted(extras - {"all"}))
        rows[name] = f"| {name} | {licence(name)} | {needed_by} |"
    return rows


def check(page: str, found: Mapping[str, set[str]]) -> list[str]:
    """Return the rows whose package and licence a page lacks. Who needs a package differs between its versions."""
    return [row for row in table(found).values() if row.rpartition(" | ")[0] not in page]


def main() -> int:
    """Print what the arguments ask for. Return 1 if the page is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("licences", "pins"))
    parser.add_argument("--check", action="store_true", help="compare with docs/dependencies.md; print what it lacks")
    options = parser.parse_args()
    found = find_dependencies()
    if options.task == "pins":
        print("\n".join(f"{name}=={metadata.version(name)}" for name in found))
        return 0
    if not options.check:
        print("\n".join(["| Package | Licence | Needed by |", "|---|---|---|", *table(found).values()]))
        return 0
    missing = check(PAGE.read_text(encoding="utf-8"), found)
    if missing:
        print("docs/dependencies.md lacks these rows:", *missing, sep="\n", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
