"""Rewrite the golden trees: `python -m tests.codegen.regen`. Read the diff before you commit it."""

from __future__ import annotations

import shutil

from tests.codegen.support import GOLDEN, INPUTS, golden_files


def main() -> None:
    """Compile every folder of inputs/ into the folder of golden/ that has its name."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for case in sorted(path.name for path in INPUTS.iterdir()):
        for path, content in golden_files(case).items():
            target = GOLDEN / case / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


if __name__ == "__main__":
    main()
