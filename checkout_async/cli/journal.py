"""`checkout-async batch`: work on the files that a batch leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import click

from checkout_async.batch import Journal
from checkout_async.batch.formatting import format_count
from checkout_async.cli.settings import Number

__all__ = ["batch"]

_DAY: Final = 24 * 3600.0


@click.group()
def batch() -> None:
    """Work on the files that a batch leaves."""


@batch.command(short_help="Remove payment data from a journal.")
@click.argument("journal", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--older-than",
    type=Number(),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Leave outcomes that are younger.",
)
def purge(journal: Path, older_than: float) -> None:
    """Remove the payment data of old outcomes from a JOURNAL: cryptograms, ECI values and transaction ids (xid).

    They are overwritten in the file. What keeps a record from being sent twice stays. Files of results are not changed:
    delete them yourself. If a run is resumed later, its results are written anew without what was removed.
    """
    purged = asyncio.run(_purge(journal, older_than * _DAY))
    click.echo(f"removed the payment data of {format_count(purged)} outcomes")


async def _purge(path: Path, older_than: float) -> int:
    async with Journal(path, create=False) as journal:
        return await journal.purge(older_than)
