"""A batch on many machines, in three steps that any engine can run: plan, run each partition anywhere, gather.

    paths = RunPaths.of("/shared/cards.jsonl", "/shared/results.jsonl")
    partitions = plan_partitions(paths, 64)
    results = engine.map(run_partition, partitions)
    report = gather_partitions(paths, partitions)

`checkout_async.batch.dask` does all three on a Dask cluster; docs/cluster.md shows Spark and Ray.
Modules, low to high: partition, plan, worker, gather.
"""

from __future__ import annotations

from checkout_async.batch.cluster.gather import finished_report, gather_partitions
from checkout_async.batch.cluster.partition import Partition, RunPaths
from checkout_async.batch.cluster.plan import plan_partitions
from checkout_async.batch.cluster.worker import PartitionResult, PartitionSettings, run_partition

__all__ = [
    "Partition",
    "PartitionResult",
    "PartitionSettings",
    "RunPaths",
    "finished_report",
    "gather_partitions",
    "plan_partitions",
    "run_partition",
]
