"""What a run says to people. That nobody can read it, on a full disk or a closed pipe, is no reason to end the run."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["say"]


def say(text: str, stream: TextIO) -> None:
    """Print a text, or let it be where the stream takes none; what would be said later is then let be as well."""
    try:
        print(text, file=stream, flush=True)
    except OSError:
        # What is left in the buffer would fail again at the end of the process.
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, stream.fileno())
        os.close(silence)
