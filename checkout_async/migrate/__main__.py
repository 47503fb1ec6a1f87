"""The command: shows or writes what changes in the files of a path, and lists what is left."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit code: 0, 1 if a file had to be left, or 2 if it cannot run."""
    parser = argparse.ArgumentParser(
        prog="python -m checkout_async.migrate",
        description="Rewrite a program that uses checkout-sdk. Without --write, show the changes.",
    )
    parser.add_argument("path", type=Path, help="a Python file, or a folder with some")
    parser.add_argument("--write", action="store_true", help="change the files")
    options = parser.parse_args(arguments)
    try:
        from libcst import CSTValidationError, ParserSyntaxError  # noqa: PLC0415 - libcst is an extra

        from checkout_async.migrate.rewrite import rewrite  # noqa: PLC0415
    except ModuleNotFoundError as error:
        print(f"this needs the package {error.name}: pip install 'checkout-async[migrate]'", file=sys.stderr)
        return 2
    files = list(_files(options.path))
    if not files:
        print(f"{options.path} is no Python file, and has none in it", file=sys.stderr)
        return 2
    rewritten: list[_Rewritten] = []
    failed = 0
    for path in files:
        try:
            found = _rewritten(path, rewrite)
        except (OSError, SyntaxError, UnicodeError, ParserSyntaxError, CSTValidationError, RecursionError) as error:
            reason = str(error).partition("\n")[0]
            print(f"{path}: left as it is: {type(error).__name__}: {reason}", file=sys.stderr)
            failed += 1
        else:
            rewritten += [] if found is None else [found]
    for each in rewritten:
        failed += not _finish(each, write=options.write)
    changed = sum(each.before != each.after for each in rewritten)
    print(f"{changed} of {len(files)} files {'were changed' if options.write else 'would change'}", file=sys.stderr)
    return 1 if failed else 0


class _Rewritten(NamedTuple):
    """A file in memory: its source before and after, and what is left to do in it."""

    path: Path
    encoding: str
    before: str
    after: str
    left: list[tuple[int, str]]


def _finish(file: _Rewritten, *, write: bool) -> bool:
    """Write a file or show what would change, and list what is left. Return whether that was possible."""
    if not write:
        sys.stdout.writelines(_difference(file.path, file.before, file.after))
    elif file.after != file.before:
        try:
            file.path.write_bytes(file.after.encode(file.encoding))
        except OSError as error:
            print(f"{file.path}: cannot be written: {error.strerror}", file=sys.stderr)
            return False
    for line, text in file.left:
        print(f"{file.path}:{line}: {text}", file=sys.stderr)
    return True


def _rewritten(path: Path, rewrite: Callable[[str], tuple[str, list[tuple[int, str]]]]) -> _Rewritten | None:
    """Return what becomes of a file that uses checkout-sdk, in its encoding and with its line ends, else None."""
    content = path.read_bytes()
    if b"checkout_sdk" not in content:
        return None
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    before = content.decode(encoding)
    after, left = rewrite(before)
    after.encode(encoding)
    return _Rewritten(path, encoding, before, after, left)


def _files(path: Path) -> Iterator[Path]:
    """Yield the Python files of a program, without those of installed packages and hidden folders."""
    if path.is_file():
        yield path
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(folder, name)))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _is_skipped(folder: Path) -> bool:
    return folder.name in _SKIPPED or folder.name.startswith(".") or (folder / "pyvenv.cfg").is_file()


def _difference(path: Path, before: str, after: str) -> Iterator[str]:
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    yield from difflib.unified_diff(*lines, fromfile=str(path), tofile=str(path))


if __name__ == "__main__":
    sys.exit(main())
