"""The command: shows or writes what changes in the files of a path, and lists what is left."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit code: 0, or 2 if it cannot run."""
    parser = argparse.ArgumentParser(
        prog="python -m checkout_async.migrate",
        description="Rewrite a program that uses checkout-sdk. Without --write, show the changes.",
    )
    parser.add_argument("path", type=Path, help="a Python file, or a folder with some")
    parser.add_argument("--write", action="store_true", help="change the files")
    options = parser.parse_args(arguments)
    try:
        from checkout_async.migrate.rewrite import rewrite  # noqa: PLC0415 - libcst is an extra
    except ModuleNotFoundError as error:
        print(f"this needs the package {error.name}: pip install 'checkout-async[migrate]'", file=sys.stderr)
        return 2
    files = list(_files(options.path))
    if not files:
        print(f"{options.path} is no Python file, and has none in it", file=sys.stderr)
        return 2
    changed = 0
    for path in files:
        before = path.read_text(encoding="utf-8")
        if "checkout_sdk" not in before:
            continue
        after, left = rewrite(before)
        changed += before != after
        if options.write:
            path.write_text(after, encoding="utf-8")
        else:
            sys.stdout.writelines(_difference(path, before, after))
        for line, text in left:
            print(f"{path}:{line}: {text}", file=sys.stderr)
    print(f"{changed} of {len(files)} files {'were changed' if options.write else 'would change'}", file=sys.stderr)
    return 0


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from sorted(path.rglob("*.py"))


def _difference(path: Path, before: str, after: str) -> Iterator[str]:
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    yield from difflib.unified_diff(*lines, fromfile=str(path), tofile=str(path))


if __name__ == "__main__":
    sys.exit(main())
