"""The response class that aioresponses needs on aiohttp 3.14."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp

__all__ = ["MockedResponse"]


class MockedResponse(aiohttp.ClientResponse):
    """A response that aioresponses can make: `mocked.post(url, payload=..., response_class=MockedResponse)`.

    aioresponses 0.7.9 does not pass an argument that aiohttp's own class requires since its version 3.14.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))  # of a request that was sent
        super().__init__(*args, **kwargs)
