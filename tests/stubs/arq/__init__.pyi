"""What scripts/try_arq.py uses of arq, which is in the environment of `make try-arq` alone."""

from typing import Any

from arq.connections import RedisSettings

class Job:
    async def result(self, *, timeout: float) -> Any: ...

class ArqRedis:
    async def enqueue_job(self, function: str, *arguments: object) -> Job | None: ...
    async def aclose(self) -> None: ...

async def create_pool(settings_: RedisSettings) -> ArqRedis: ...
