"""`python -m examples.shop [aiohttp|starlette]`: runs shop and simulator until Ctrl-C and prints the address."""

from __future__ import annotations

import argparse
import asyncio
import logging

from examples.shop.demo import Framework, running


async def _run(framework: Framework, port: int) -> None:
    async with running(framework, port=port) as shop:
        print(f"The shop: {shop.address}  (Ctrl-C ends it)", flush=True)
        print(f"The simulator behind it: {shop.sandbox.base_url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="A web shop with 3-D Secure.")
    parser.add_argument("framework", nargs="?", choices=list(Framework), default=Framework.AIOHTTP, type=Framework)
    parser.add_argument("--port", type=int, default=8000, help="of the shop, 0 for any free one (default: %(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(name)s: %(message)s")
    try:
        asyncio.run(_run(arguments.framework, arguments.port))
    except KeyboardInterrupt:
        print("\nClosed.")
    except OSError as taken:
        parser.exit(1, f"the shop cannot listen on port {arguments.port}: {taken.strerror or taken}\n")


if __name__ == "__main__":
    main()
