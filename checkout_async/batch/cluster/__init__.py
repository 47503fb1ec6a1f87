"""A batch on many machines, in three steps that any engine can take: plan, run each partition anywhere, gather.

    places = Places.of("/shared/cards.jsonl", "/shared/results.jsonl")
    partitions = plan_partitions(places, 64)
    ends = engine.map(run_partition, partitions)
    report = gather_partitions(places, partitions)

`checkout_async.batch.dask` does all of it on a Dask cluster; docs/cluster.md has Spark and Ray.
Modules, low to high: loops, cuts, partition, repeats, slices, input, plan, worker, gather.
"""

from __future__ import annotations

from checkout_async.batch.cluster.gather import gather_partitions, gathered
from checkout_async.batch.cluster.partition import Partition, Repeat
from checkout_async.batch.cluster.plan import Places, plan_partitions
from checkout_async.batch.cluster.worker import PartitionEnd, PartitionSettings, run_partition

__all__ = [
    "Partition",
    "PartitionEnd",
    "PartitionSettings",
    "Places",
    "Repeat",
    "gather_partitions",
    "gathered",
    "plan_partitions",
    "run_partition",
]
