"""`python -m examples.shop [aiohttp|starlette]`: runs the shop and the simulator until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging

from examples.shop.demo import Framework, run_shop


async def _run(framework: Framework, port: int) -> None:
    async with run_shop(framework, port=port) as shop:
        print(f"Shop: {shop.address}  (press Ctrl-C to stop)", flush=True)
        print(f"Simulator: {shop.sandbox.base_url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Parse the arguments and run the shop."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="A web shop with 3-D Secure.")
    parser.add_argument("framework", nargs="?", choices=list(Framework), default=Framework.AIOHTTP, type=Framework)
    parser.add_argument("--port", type=int, default=8000, help="port, 0 for any free one (default: %(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(name)s: %(message)s")
    try:
        asyncio.run(_run(arguments.framework, arguments.port))
    except KeyboardInterrupt:
        print("\nStopped.")
    except OSError as error:
        parser.exit(1, f"the shop cannot listen on port {arguments.port}: {error.strerror or error}\n")


if __name__ == "__main__":
    main()
