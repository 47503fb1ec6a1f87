"""Planted defects: mistakes that a payments client can make, each of which the oracles must find.

Most are planted where they survive a refactoring: in a transport between the client and aiohttp, in the settings of a
client, in the tables that the compiler writes, or by what a public class promises. Where the target of a patch is gone,
planting raises AttributeError. A defect that is not found means that an oracle, or a fault, is missing.
"""

from __future__ import annotations

from tests.simulation.defects import batch, certainty, connections, keys, limits, processes, tokens
from tests.simulation.defects.plant import DEFECTS, Defect

__all__ = ["DEFECTS", "Defect", "batch", "certainty", "connections", "keys", "limits", "processes", "tokens"]
