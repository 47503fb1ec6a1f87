"""Checks the bundled document with tools that its readers use, each with its usual settings; warnings count as errors.

Two linters read it, and two generators, whose output must compile or import. The tools that npm has are installed into
.venv/npm, with the versions stated here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "checkout_async" / "_generated" / "openapi.json"
TOOLS = ROOT / ".venv" / "npm"
# All of them run on Node.js 20. Later versions of @redocly/cli need Node.js 22.
VERSIONS = {
    "@redocly/cli": "2.77.0",
    "@stoplight/spectral-cli": "6.16.3",
    "openapi-typescript": "7.13.0",
    "typescript": "5.9.3",
}
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
# With these two classes the generator announces other defaults, whatever it reads. Its warnings about a document have
# other classes.
PYTHON = (sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")

Command = tuple[str | Path, ...]


def install() -> str:
    """Install the tools that npm has, unless they are installed already. Return what went wrong; empty if nothing."""
    if shutil.which("npm") is None:
        return "npm is missing: install Node.js 20 or newer, which contains it, then run this again"
    manifest, lock = TOOLS / "package.json", TOOLS / "package-lock.json"
    wanted = json.dumps({"private": True, "dependencies": VERSIONS}, indent=1) + "\n"
    if lock.is_file() and manifest.read_text(encoding="utf-8") == wanted:
        return ""
    print("Installing", ", ".join(VERSIONS), "...", flush=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    lock.unlink(missing_ok=True)
    manifest.write_text(wanted, encoding="utf-8")
    return run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=TOOLS)


def checks(folder: Path) -> Iterator[tuple[str, list[Command]]]:
    """Yield each tool with its commands. A generator writes into the folder; its second command uses the output."""
    npm, types, models = TOOLS / "node_modules" / ".bin", folder / "bundle.ts", folder / "bundle.py"
    ruleset, config = ROOT / "openapi" / ".spectral.yaml", ROOT / "openapi" / "redocly.yaml"
    generator = (*PYTHON, "-m", "datamodel_code_generator")
    yield "Spectral", [(npm / "spectral", "lint", "--ruleset", ruleset, "--fail-severity=warn", BUNDLE)]
    yield "Redocly", [(npm / "redocly", "lint", "--config", config, BUNDLE)]
    yield (
        "openapi-typescript",
        [
            (npm / "openapi-typescript", BUNDLE, "--output", types),
            (npm / "tsc", "--noEmit", "--strict", types),
        ],
    )
    yield (
        "datamodel-code-generator",
        [
            (*generator, "--input", BUNDLE, "--output", models),
            (*PYTHON, "-c", "import bundle"),
        ],
    )


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command. Return what it printed if it failed, otherwise an empty text."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=cwd,
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return (done.stdout.strip() or f"exit status {done.returncode}") if done.returncode else ""


def main() -> int:
    """Run all checks. Return 0, or 1 if one failed or cannot be run."""
    if failure := install():
        print(f"The bundled document cannot be checked: {failure}", file=sys.stderr)
        return 1
    failed = False
    with tempfile.TemporaryDirectory() as name:
        for tool, commands in checks(Path(name)):
            start = time.monotonic()
            failure = next(filter(None, (run(*command, cwd=Path(name)) for command in commands)), "")
            print(f"{tool}: {'failed' if failure else 'ok'} ({time.monotonic() - start:.1f} s)", flush=True)
            if failure:
                print(failure, file=sys.stderr, flush=True)
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
