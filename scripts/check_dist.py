"""Builds the sdist and the wheel into dist/, and checks them. `--check` builds them elsewhere and leaves dist/ alone.

- Two builds give the same bytes: one in the repository, one in the unpacked sdist under another name, with another time
  zone, umask, locale and hash seed.
- The sdist contains every tracked file but those for the hosting service.
- twine takes the metadata, and every link of the description is absolute.
- check-wheel-contents takes the wheel. Two example bodies of the API may be equal; no other two files are.

`SOURCE_DATE_EPOCH` dates the files in both. Without it, that is the time of the last commit.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
NOT_IN_THE_SDIST: Final = re.compile(r"\.(ci|github)/|\.(gitattributes|pre-commit-config\.yaml)$")
OTHER_SURROUNDINGS: Final = {"TZ": "Pacific/Apia", "LC_ALL": "C", "PYTHONHASHSEED": "77"}
EXAMPLES: Final = re.compile(r"checkout_async/_compiler/openapi/examples/")
RELATIVE_LINK: Final = re.compile(r"\]\((?!https?://|#)[^)]*\)")


class Wrong(Exception):
    """What is built is not as it should be."""


def output_of(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return what a command printed. Raises Wrong if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"{' '.join(map(str, command[:4]))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def is_repository() -> bool:
    """Return whether this is a Git work tree, and not an unpacked sdist."""
    return (ROOT / ".git").exists()


def epoch() -> str:
    """Return the time that the built files get, in seconds since 1970."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    return output_of("git", "log", "-1", "--format=%ct").strip() if is_repository() else "1580601600"  # hatchling's


def build(source: Path, into: Path, surroundings: Mapping[str, str], umask: int) -> dict[str, Path]:
    """Build the sdist, and the wheel from it. Return both by name. Raises Wrong if that fails."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(source)]
    done = subprocess.run(
        command, env={**os.environ, **surroundings}, umask=umask, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Wrong(f"the build failed:\n{done.stdout}{done.stderr}")
    return {path.name: path for path in sorted(into.iterdir())}


def unpack(sdist: Path, into: Path) -> Path:
    """Unpack an sdist. Return the folder under another name than it has."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder.rename(into / "renamed")


def check_same(first: Mapping[str, Path], second: Mapping[str, Path]) -> None:
    """Raise Wrong unless both builds gave the same files."""
    digests = [{name: digest(path) for name, path in files.items()} for files in (first, second)]
    if digests[0] != digests[1]:
        raise Wrong(f"two builds differ: {digests[0]} and {digests[1]}")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_sdist(sdist: Path) -> int:
    """Return how many files the sdist has. Raises Wrong unless they are the tracked ones."""
    with tarfile.open(sdist) as archive:
        contained = {member.name.partition("/")[2] for member in archive if member.isfile()} - {"PKG-INFO"}
    if is_repository():
        tracked = {path for path in output_of("git", "ls-files").splitlines() if not NOT_IN_THE_SDIST.match(path)}
        if contained != tracked:
            raise Wrong(
                f"the sdist lacks {sorted(tracked - contained)} and has too much: {sorted(contained - tracked)}"
            )
    return len(contained)


def check_metadata(wheel: Path) -> None:
    """Raise Wrong if the description has a link that leads nowhere on PyPI, or the licence file is missing."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        message = message_from_bytes(archive.read(metadata))
    if dead := RELATIVE_LINK.findall(str(message.get_payload())):
        raise Wrong(f"links of the description that are dead on PyPI: {dead}")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        raise Wrong("the wheel has no LICENSE")


def check_wheel(wheel: Path) -> None:
    """Raise Wrong if the wheel has a file twice, or what check-wheel-contents refuses."""
    first: dict[bytes, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if content and not EXAMPLES.match(name) and first.setdefault(content, name) != name:
                raise Wrong(f"the wheel has the same file twice: {first[content]} and {name}")
    output_of(Path(sys.executable).with_name("check-wheel-contents"), "--ignore", "W002", wheel)


def main() -> int:
    """Build and check. Return 0 if everything is as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dated = {"SOURCE_DATE_EPOCH": epoch()}
        try:
            files = build(ROOT, folder / "first", dated, umask=0o022)
            sdist, wheel = (next(path for name, path in files.items() if name.endswith(end)) for end in (".gz", ".whl"))
            again = unpack(sdist, folder / "unpacked")
            check_same(files, build(again, folder / "second", {**dated, **OTHER_SURROUNDINGS}, umask=0o077))
            count = check_sdist(sdist)
            check_metadata(wheel)
            output_of(sys.executable, "-m", "twine", "check", "--strict", *files.values())
            check_wheel(wheel)
        except Wrong as wrong:
            print(wrong, file=sys.stderr)
            return 1
        for path in files.values():
            print(f"{digest(path)}  {path.name}  {path.stat().st_size:,} bytes")
        print(f"{count} files in the sdist; both were built twice, with the same bytes")
        if "--check" not in sys.argv:
            shutil.rmtree(ROOT / "dist", ignore_errors=True)
            shutil.copytree(folder / "first", ROOT / "dist")
    return 0


if __name__ == "__main__":
    sys.exit(main())
