"""Plan a run on many machines: into how many partitions its input falls, and which files it writes.

The plan is stored in the folder of the run, so that a resumed run has the same partitions.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec

from checkout_async.batch.cluster.partition import PLAN, Partition, RunPaths, key_base_path, stop_file
from checkout_async.batch.defaults import Defaults
from checkout_async.batch.files import cluster_file, cluster_folder, require_distinct_files, require_no_cluster_run
from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.journal.opening import remove_journal, require_not_lost
from checkout_async.batch.rejects import check_rejects
from checkout_async.batch.results import OutputFile
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError, ConfigurationError
from checkout_async.files import atomic_write, file_error, remove_leftovers

__all__ = ["Input", "plan_partitions", "planned_input"]

_FORMAT: Final = 3


class Input(msgspec.Struct, frozen=True):
    """The path, size and modification time of a file at one moment; `modified` is in nanoseconds."""

    path: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return these of a file now. Raises BatchFileError."""
        try:
            status = path.stat()
        except OSError as error:
            raise BatchFileError(f"cannot read the input file {path}: {error.strerror}") from None
        return cls(str(path), status.st_size, status.st_mtime_ns)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as stored in the folder. `count` is the number of partitions.

    `defaults_check` is the fingerprint of the members that all records share, under the key of the run's journals.
    """

    version: int
    input: Input
    output: str
    journal: str
    format: Format
    count: int
    defaults_check: str = ""

    def partitions(self, paths: RunPaths) -> tuple[Partition, ...]:
        """Return the partitions."""
        return tuple(
            Partition(
                number=number,
                count=self.count,
                folder=str(paths.folder),
                input=self.input.path,
                format=self.format,
                size=self.input.size,
                defaults=None if paths.defaults is None else str(paths.defaults),
                defaults_check=self.defaults_check,
            )
            for number in range(self.count)
        )


def plan_partitions(
    paths: RunPaths, count: int | None = None, *, default: int = 1, force: bool = False, resume: bool = False
) -> tuple[Partition, ...]:
    """Return the partitions of a run: `count`, or `default` if it is None.

    With `resume`, a plan in the folder is used as it is. Its number of partitions must be `count` if that is given, and
    its defaults those of `paths`.
    Otherwise the folder must be new or empty, and output and journal must not exist unless `force` replaces them.
    Raises BatchFileError, also for standard input and for names that are not UTF-8, and ConfigurationError.
    """
    if force and resume:
        raise ConfigurationError("resume continues an earlier run, force replaces it: choose one")
    if count is not None and count < 1:
        raise ConfigurationError("the number of partitions must be a whole number above 0")
    _check_names(paths)
    if paths.rejects is not None:
        check_rejects(paths.rejects, format_of(paths.input, paths.input_format), replace=force or resume)
    if paths.plan.exists():
        return _resume_plan(paths, count, resume=resume)
    _check_unused(paths, force=force)
    _make_folder(paths.folder)
    try:
        return _create_plan(paths, count or default)
    except BaseException:
        _remove_folder(paths)
        raise


def planned_input(paths: RunPaths) -> Input:
    """Return the input that the plan was made for. Raises BatchFileError."""
    return _read(paths.plan).input


def _check_names(paths: RunPaths) -> None:
    """Refuse, before anything is sent, files that could not be written at the end."""
    _check_text(paths)
    named = {"input": paths.input, "output": paths.output, "journal": paths.journal, "folder": paths.folder}
    require_distinct_files({**named, "defaults": paths.defaults, "rejects": paths.rejects})
    OutputFile.check(paths.output, paths.output_format)
    for what, path in (("output file", paths.output), ("journal", paths.journal), ("rejects file", paths.rejects)):
        if path is None:
            continue
        if path.exists() and not path.is_file():
            raise BatchFileError(f"cannot write the {what} {path}: it is not a regular file")
        if not path.parent.is_dir():
            raise BatchFileError(f"cannot write the {what} {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BatchFileError(f"cannot write the {what} {path}: the folder {path.parent} cannot be written to")


def _check_text(paths: RunPaths) -> None:
    """Refuse names that are not UTF-8: neither the plan, which is JSON, nor another machine could read them."""
    for path in filter(None, (paths.input, paths.folder, paths.defaults)):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise BatchFileError(f"the name {str(path)!r} is not UTF-8; rename it for a run on many machines") from None


def _check_unused(paths: RunPaths, *, force: bool) -> None:
    if force:
        return
    # A marker of this folder without a plan is of a planning that was interrupted: nothing was sent.
    if cluster_folder(paths.output) != str(paths.folder):
        require_no_cluster_run(paths.output)
    require_not_lost(paths.journal, create=True, has_key=False)
    if paths.journal.exists():
        raise BatchFileError(
            f"the journal {paths.journal} of an earlier run exists; resume that run on one machine, or replace "
            "the journal and what it knows with --force"
        )
    if paths.output.exists():
        raise BatchFileError(f"{paths.output} exists; name another output file, or replace it with --force")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        remove_leftovers(folder / PLAN)
        remove_leftovers(key_file_of(key_base_path(folder)))
        there = {path.name for path in folder.iterdir()} - {key_file_of(key_base_path(folder)).name}
    except OSError as error:
        raise file_error(f"cannot use the folder {folder}", error) from None
    if there:
        raise BatchFileError(f"the folder {folder} is not empty and has no plan; name another one")


def _remove_folder(paths: RunPaths) -> None:
    """Remove what a failed planning left. Without a plan, no journal uses this key yet."""
    with suppress(OSError, BatchFileError):
        if cluster_folder(paths.output) == str(paths.folder):
            cluster_file(paths.output).unlink(missing_ok=True)
    with suppress(OSError):
        paths.plan.unlink(missing_ok=True)
        key_file_of(key_base_path(paths.folder)).unlink(missing_ok=True)
        paths.folder.rmdir()


def _create_plan(paths: RunPaths, count: int) -> tuple[Partition, ...]:
    _check_input(paths)
    # All journals are merged into one under this key. A key in a folder without a plan was never used.
    key = make_key(key_base_path(paths.folder))
    plan = _Plan(
        version=_FORMAT,
        input=Input.of(paths.input),
        output=str(paths.output),
        journal=str(paths.journal),
        format=format_of(paths.input, paths.input_format),
        count=count,
        defaults_check=_defaults_check(paths, key),
    )
    try:
        remove_journal(paths.journal)
    except OSError as error:
        raise BatchFileError(f"cannot replace the journal {paths.journal}: {error.strerror}") from None
    # Before the plan, with which the partitions may be run.
    _write_cluster_file(paths)
    _write(paths, plan)
    return plan.partitions(paths)


def _defaults_check(paths: RunPaths, key: bytes) -> str:
    """Return the fingerprint of the members that all records share; empty without any. Raises BatchFileError."""
    if paths.defaults is None:
        return ""
    return Fingerprints(key).of_defaults(Defaults.read(paths.defaults).content).hex()


def _write_cluster_file(paths: RunPaths) -> None:
    path = cluster_file(paths.output)
    try:
        with atomic_write(path) as file:
            file.write(str(paths.folder).encode())
    except OSError as error:
        raise BatchFileError(f"cannot write {path}: {error.strerror}") from None


def _write(paths: RunPaths, plan: _Plan) -> None:
    try:
        with atomic_write(paths.plan) as file:
            file.write(msgspec.json.encode(plan))
    except OSError as error:
        raise file_error(f"cannot write the plan {paths.plan}", error) from None


def _check_input(paths: RunPaths) -> None:
    """Refuse, before anything is sent, an input that workers could not read."""
    with open_source(paths.input, paths.input_format) as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise BatchFileError(
                f"{paths.input} is not a regular file; put the input into a file that all machines can read"
            )


def _resume_plan(paths: RunPaths, count: int | None, *, resume: bool) -> tuple[Partition, ...]:
    if not resume:
        raise BatchFileError(f"a run has begun in {paths.folder}; continue it with --resume")
    plan = _read(paths.plan)
    if plan.input != Input.of(paths.input):
        raise BatchFileError(
            f"the run in {paths.folder} was planned for {plan.input.path}; the input is another file now, or has "
            "changed since"
        )
    if count not in {None, plan.count}:
        raise BatchFileError(
            f"the run in {paths.folder} has {plan.count} partitions, and a resumed run must have as many"
        )
    key = load_key(key_base_path(paths.folder))  # without it, the workers refuse the folder
    if key is not None and plan.defaults_check != _defaults_check(paths, key):
        raise BatchFileError(
            f"the run in {paths.folder} began with other defaults, or without any. Nothing was sent. Continue with "
            "those that it began with, or name another output for records with these"
        )
    if (plan.output, plan.journal) != (str(paths.output), str(paths.journal)):
        _check_unused(paths, force=False)
        # From now on these are the files of the run, and what is there is its own.
        before = Path(plan.output)
        plan = msgspec.structs.replace(plan, output=str(paths.output), journal=str(paths.journal))
        _write_cluster_file(paths)
        _write(paths, plan)
        if before != paths.output and cluster_folder(before) == str(paths.folder):
            cluster_file(before).unlink(missing_ok=True)
    else:
        _require_own_output(paths)
    stop_file(paths.folder).unlink(missing_ok=True)
    return plan.partitions(paths)


def _require_own_output(paths: RunPaths) -> None:
    """Refuse to continue a run whose output another run has taken: nothing says here what that one has sent.

    Without its marker, the output is still this run's if its journal has this run's key: gathering was interrupted at
    its very end. Raises BatchFileError.
    """
    own_key = load_key(key_base_path(paths.folder))
    has_journal = paths.journal.exists()
    is_gathered = has_journal and own_key is not None and load_key(paths.journal) == own_key
    folder = cluster_folder(paths.output)
    if folder not in {None, str(paths.folder)} or (not is_gathered and (folder is None or has_journal)):
        raise BatchFileError(
            f"another run has taken the output {paths.output} or the journal {paths.journal} since this one was "
            "planned. Nothing was sent. Compare what that run has sent with the journals in "
            f"{paths.folder}; to continue this one, name another output and another journal"
        )


def _read(plan: Path) -> _Plan:
    try:
        found = msgspec.json.decode(plan.read_bytes(), type=_Plan)
    except OSError as error:
        raise BatchFileError(f"cannot read the plan {plan}: {error.strerror}") from None
    except ValueError:
        raise BatchFileError(f"{plan} is not a plan file; choose another --folder") from None
    if found.version != _FORMAT:
        raise BatchFileError(f"{plan} was made by another version of this package; continue with that version")
    return found
