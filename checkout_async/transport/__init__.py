"""Everything that uses a socket: the aiohttp adapter, and the pipeline of policies around it."""
