"""The servers of the simulation die as a killed process or as a host without power, and start again."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from typing import Any

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

import simloom

from tests.simulation.http1 import ADDRESS
from tests.simulation.servers import Server, Servers

PORT = 7000


async def echo(server: Server) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while data := await reader.read(100):
                writer.write(data)

    await server.listen(handle, PORT)
    await asyncio.sleep(3600)


def on_a_client(use: Callable[[Servers], Awaitable[Any]]) -> Any:
    """Run a client, on a host of its own, in a world with one server, and return its result."""

    async def live(world: Any) -> Any:
        servers = Servers(world)
        with servers.reached():
            servers.add("server", PORT, echo)
            await asyncio.sleep(1)
            return await world.host("client").spawn(lambda: use(servers))

    return simloom.run(live, seed=1, virtual_time=True, seed_randomness=True).value


async def exchange() -> bytes:
    reader, writer = await asyncio.open_connection(ADDRESS, PORT)
    with closing(writer):
        writer.write(b"ping")
        return await reader.read(100)


def test_a_killed_server_resets_its_connections_and_refuses_new_ones_until_it_starts_again() -> None:
    async def use(servers: Servers) -> bytes:
        reader, writer = await asyncio.open_connection(ADDRESS, PORT)
        servers["server"].crash(is_silent=False)
        with closing(writer), pytest.raises(ConnectionResetError):
            await reader.read(100)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ADDRESS, PORT)
        assert [each.port for each in servers.refused] == [PORT]
        servers["server"].start()
        await asyncio.sleep(1)
        return await exchange()

    assert on_a_client(use) == b"ping"


@pytest.mark.parametrize("sends", ["before the crash", "while it is down", "after the start"])
def test_a_server_without_power_is_silent_and_resets_what_it_does_not_know_once_it_is_up(sends: str) -> None:
    async def use(servers: Servers) -> bytes:
        server, loop = servers["server"], asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection(ADDRESS, PORT)
        if sends == "before the crash":
            writer.write(b"ping")
        server.crash(is_silent=True)
        connecting = asyncio.create_task(asyncio.open_connection(ADDRESS, PORT))
        if sends == "while it is down":
            writer.write(b"ping")
        reading = asyncio.create_task(reader.read(100))
        done, _ = await asyncio.wait((reading, connecting), timeout=60)
        assert not done
        loop.call_later(1, server.start)
        if sends == "after the start":
            await asyncio.sleep(2)
            assert not reading.done()
            writer.write(b"ping")
        with closing(writer), pytest.raises(ConnectionResetError):
            await reading
        with suppress(ConnectionRefusedError):  # the host is up, and perhaps nothing listens yet
            (await connecting)[1].close()
        await asyncio.sleep(1)
        return await exchange()

    assert on_a_client(use) == b"ping"


def test_what_a_dead_server_had_begun_is_never_ended() -> None:
    done: list[str] = []

    async def work(_server: Server) -> None:
        await asyncio.sleep(5)
        done.append("done")

    async def live(world: Any) -> None:
        server = Servers(world).add("server", PORT, work)
        await asyncio.sleep(4)
        server.crash(is_silent=False)
        await asyncio.sleep(4)
        assert done == []
        server.start()
        await asyncio.sleep(6)
        assert done == ["done"]

    simloom.run(live, seed=1, virtual_time=True)


def test_a_server_that_waits_for_a_silently_dead_one_is_not_destroyed_when_its_client_goes() -> None:
    async def forward(server: Server) -> None:
        async def handle(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            reader, writer = await asyncio.open_connection(ADDRESS, PORT)
            with closing(writer):
                await reader.read(100)

        await server.listen(handle, PORT + 1)
        await asyncio.sleep(3600)

    async def live(world: Any) -> None:
        servers = Servers(world)
        servers.add("gateway", PORT + 1, forward)
        backend = servers.add("server", PORT, echo)
        await asyncio.sleep(1)
        _, writer = await asyncio.open_connection(ADDRESS, PORT + 1)
        await asyncio.sleep(1)
        backend.crash(is_silent=True)
        writer.close()
        await asyncio.sleep(1)
        world.net.reset_connections(None, servers["gateway"].host)
        await asyncio.sleep(1)
        gc.collect()

    simloom.run(live, seed=1, virtual_time=True)
