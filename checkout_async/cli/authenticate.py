"""`checkout-async authenticate`: reads a file of session requests and writes a file of results."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from checkout_async.batch.cluster import PartitionSettings
from checkout_async.batch.command.job import Job
from checkout_async.batch.defaults import read_channel_data
from checkout_async.batch.files import RunFiles, is_standard_output
from checkout_async.batch.flow import FAKE_BROWSER_DATA
from checkout_async.batch.formats import Format
from checkout_async.batch.options import DEFAULT_OUTAGE_BACKOFF, BatchOptions, SharedChannelData
from checkout_async.cli.cluster import ClusterJob
from checkout_async.cli.settings import CommandSettings, Number, settings_options
from checkout_async.config import Limits, Validation

__all__ = ["authenticate"]

_FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FORMAT = click.Choice([str(each) for each in Format])
_DASH = Path("-")

_NOT_ON_A_CLUSTER = {
    "--dry-run": "it sends nothing and takes seconds, so leave --scheduler out",
    "--in-order": "the results are in the order of the input anyway",
    "--limit": "each worker reads the whole input; put the first records into a file of their own",
    "--retry-unknown": "a worker may have died with records in flight; resume the complete run with it without "
    "--scheduler",
}
"""The options that a run on many machines has not, and what to do instead."""


@click.command(short_help="Authenticate the cards of a file.")
@click.argument("input_file", metavar="INPUT", type=_FILE)
@click.option("-o", "--output", "output", metavar="OUTPUT", type=_FILE, help="File of results; - is standard output.")
@click.option("--input-format", type=_FORMAT, help="Format of INPUT, if its name does not say it.")
@click.option("--output-format", type=_FORMAT, help="Format of OUTPUT, if its name does not say it.")
@click.option("--journal", type=_FILE, help="Records what was sent, and the outcomes.  [default: OUTPUT.journal]")
@click.option("--resume", is_flag=True, help="Continue an earlier run, or begin if there was none.")
@click.option("--retry-unknown", is_flag=True, help="With --resume: send records again that may have arrived.")
@click.option("--force", is_flag=True, help="Replace the output and the journal if they exist.")
@click.option("--dry-run", is_flag=True, help="Check every record; send and write nothing.")
@click.option("--limit", type=click.IntRange(min=1), help="Read at most this many records.")
@click.option("--concurrency", type=click.IntRange(min=1), default=64, show_default=True, help="Sessions in flight.")
@click.option(
    "--rate",
    type=Number(),
    default=100,
    show_default=True,
    help="Reads a second, and as many writes; 0 is no limit.",
)
@click.option(
    "--outage-timeout",
    type=Number(),
    default=DEFAULT_OUTAGE_BACKOFF.give_up_after,
    show_default=True,
    metavar="SECONDS",
    help="How long an unreachable API is tried before the run ends.",
)
@click.option("--channel-data", type=_FILE, help="JSON file with channel data for requests that have none.")
@click.option("--fake-browser-data", is_flag=True, help="Make up a browser for them instead. For tests only.")
@click.option(
    "--validate",
    type=click.Choice(get_args(Validation)),
    default="shape",
    show_default=True,
    help="Check requests for what the API refuses (shape), for every documented limit (strict), or not at all (off).",
)
@click.option("--in-order", is_flag=True, help="Write results in the order of the input.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler (docs/cluster.md).")
@click.option("--partitions", type=click.IntRange(min=1), help="With --scheduler: number of partitions of the input.")
@click.option(
    "--folder", type=_FOLDER, help="With --scheduler: folder shared by all machines.  [default: OUTPUT.parts]"
)
@click.option("--report", type=_FILE, help="Write a report of the run, as .json or .html.")
@click.option("--rejects", type=_FILE, help="Copy invalid records to this file, with the reasons, to be corrected.")
@click.option("--defaults", type=_FILE, help="JSON file with members that all records share; a record's own win.")
@settings_options
@click.pass_context
def authenticate(
    ctx: click.Context,
    input_file: Path,
    output: Path | None,
    input_format: str | None,
    output_format: str | None,
    journal: Path | None,
    limit: int | None,
    concurrency: int,
    rate: float,
    outage_timeout: float,
    channel_data: Path | None,
    scheduler: str | None,
    partitions: int | None,
    folder: Path | None,
    report: Path | None,
    rejects: Path | None,
    defaults: Path | None,
    env_file: Path | None,
    log_file: Path | None,
    verbose: int,
    validate: Validation,
    *,
    resume: bool,
    retry_unknown: bool,
    force: bool,
    dry_run: bool,
    in_order: bool,
    fake_browser_data: bool,
) -> None:
    """Authenticate a file of session requests; - reads standard input.

    INPUT is JSON Lines (.jsonl), CSV with field paths as header (.csv), each also with .gz, or Parquet (.parquet).
    OUTPUT is JSON Lines, CSV or Parquet.

    Each session is created and followed as far as a machine can: the 3DS Method is reported as not completed, and a
    session that is processing is polled. A challenge or a hosted page is reported, not solved. A record without channel
    data is invalid unless the session is hosted or --channel-data gives some.

    The journal is written before anything is sent. After a stop of any kind, the same command with --resume continues
    the run and sends nothing twice. The output contains cryptograms: only its owner may read it (mode 0600).

    Ctrl-C finishes the sessions in flight, sends nothing more, and prints how far the run came; a second Ctrl-C stops
    at once.

    Exit code 0: every record has a final result, even a declined one. 1: some are invalid, failed or unknown, or there
    is none. 2: usage or configuration, nothing was sent. 3: the run ended before its input did. 129, 130, 143:
    SIGHUP, Ctrl-C, SIGTERM.
    """
    if output is not None and is_standard_output(output):
        output = _DASH
    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output'.")
    if scheduler is None and (partitions is not None or folder is not None):
        raise click.UsageError("--partitions and --folder need --scheduler.")
    if fake_browser_data and channel_data is not None:
        raise click.UsageError("--channel-data gives channel data, --fake-browser-data makes them up: choose one.")
    settings = CommandSettings(env_file=env_file, log_file=log_file, verbose=verbose)
    job = Job(
        files=RunFiles(
            input=_path(input_file),
            output=_path(output),
            journal=journal,
            input_format=_format(input_format),
            output_format=_format(output_format),
            resume=resume,
            force=force,
            limit=limit,
            rejects=rejects,
            defaults=defaults,
        ),
        stderr=sys.stderr,
        stdout=sys.stderr if output == _DASH else sys.stdout,
        options=BatchOptions(
            concurrency=concurrency,
            channel_data=_channel_data(channel_data, fake=fake_browser_data),
            outage_backoff=replace(DEFAULT_OUTAGE_BACKOFF, give_up_after=outage_timeout),
            validate=validate,
            retry_unknown=retry_unknown,
            in_order=in_order,
        ),
        channel_data_file=channel_data,
        report=report,
        log=log_file,
    )
    job.require_distinct_files()
    settings.start_logging()
    if scheduler is not None:
        given = {"--dry-run": dry_run, "--in-order": in_order, "--limit": limit, "--retry-unknown": retry_unknown}
        for name, why in _NOT_ON_A_CLUSTER.items():
            if given[name]:
                raise click.UsageError(f"--scheduler does not support {name}: {why}.")
        env_file = None if env_file is None else env_file.absolute()
        parts = PartitionSettings(options=job.options, rate=rate or None, env_file=env_file)
        ctx.exit(ClusterJob(scheduler=scheduler, job=job, settings=parts, folder=folder, partitions=partitions).run())
    if dry_run:
        ctx.exit(asyncio.run(job.check()))
    limits = Limits(concurrency=concurrency, read_rate=rate or None, write_rate=rate or None)
    ctx.exit(asyncio.run(_run(job, limits, settings)))


def _channel_data(path: Path | None, *, fake: bool) -> SharedChannelData | None:
    if path is not None:
        return read_channel_data(path)
    return FAKE_BROWSER_DATA if fake else None


async def _run(job: Job, limits: Limits, settings: CommandSettings) -> int:
    async with settings.client(
        limits=limits, validate=job.options.validate or "shape", hooks=[job.pending_calls]
    ) as checkout:
        return await job.run(checkout)


def _path(given: Path | None) -> Path | None:
    return None if given == _DASH else given


def _format(given: str | None) -> Format | None:
    return None if given is None else Format(given)
