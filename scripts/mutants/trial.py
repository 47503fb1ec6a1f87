"""Tries mutants: one after the other in a copy of the repository, and several copies at a time."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.mutants.changes import Mutant, mutated

TEST_LIMIT, RUN_LIMIT = 30, 600  # seconds: one test, and all tests of one mutant
COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
NO_FAILURE, FAILURES, INTERRUPTED = 0, 1, 2  # exit statuses of pytest; 2: a module cannot be imported


class Unusable(Exception):
    """The mutants cannot be tried."""


class Copy:
    """A copy of the repository in which mutants are tried, one after the other."""

    def __init__(self, root: Path, directory: Path) -> None:
        self._root = directory / "checkout-async"
        shutil.copytree(root, self._root, ignore=COPIED)

    def run(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """Run tests until one fails. Return pytest's exit status (None: they took too long) and its output."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", f"--timeout={TEST_LIMIT}"]
        command += ["-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-profile=mutants", *tests]
        # Bytecode of a mutant of the same size and second would be taken for that of the next one.
        environment = {**os.environ, "PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=RUN_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None, ""
        return process.returncode, output

    def survives(self, mutant: Mutant, tests: Sequence[str]) -> tuple[bool, str]:
        """Return whether no test notices the change, and otherwise the test that does."""
        file = self._root / mutant.module
        content = file.read_bytes()
        file.write_bytes(mutated(content, mutant))
        try:
            status, output = self.run(tests)
        finally:
            file.write_bytes(content)
        if status not in {NO_FAILURE, FAILURES, INTERRUPTED, None}:
            raise Unusable(f"{mutant.module}: pytest ended with status {status}:\n{output}")
        failed = [line for line in output.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
        if status == NO_FAILURE:
            return True, ""
        return False, failed[0].split(" - ")[0] if failed else "hangs"


def try_all(root: Path, mutants: Sequence[Mutant], tests: dict[str, list[str]], jobs: int) -> list[Mutant]:
    """Return the mutants that survive. Raises Unusable if the tests fail without a change."""
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory, ThreadPoolExecutor(jobs) as executor:
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(root, Path(directory, str(number))))
        untouched = copies.get()
        needed = sorted({path for mutant in mutants for path in tests[mutant.module]})
        status, output = untouched.run(needed)
        if status != NO_FAILURE:
            raise Unusable(f"The tests fail without a change:\n{output}")
        copies.put(untouched)

        def try_one(mutant: Mutant) -> tuple[Mutant, bool, str]:
            place = copies.get()
            try:
                return mutant, *place.survives(mutant, tests[mutant.module])
            finally:
                copies.put(place)

        for number, (mutant, survived, by) in enumerate(executor.map(try_one, mutants), 1):
            print(f"{number:4} {'SURVIVED' if survived else 'noticed '} {describe(mutant)}  {by}", flush=True)
            survivors += [mutant] if survived else []
    return survivors


def describe(mutant: Mutant) -> str:
    """Return file, line and change on one line."""
    return f"{mutant.module}:{mutant.line}  {' '.join(mutant.change.split())}"
