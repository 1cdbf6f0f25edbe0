"""Migrations: what the database has, what it lacks, and applying it."""

from billing_cli.domain.deployment import Misfit, misfits_of, refuse_misfits
from billing_cli.domain.migrations import FileStatus, SqlFile, file_statuses, pending_files, refuse_old_server
from billing_cli.domain.ours import created_by, in_force, refuse_clashes, to_be_free
from billing_cli.domain.ports import Migrator


def schema_status(migrator: Migrator) -> list[FileStatus]:
    return file_statuses(migrator.files(), applied_in_force(migrator))


def applied_in_force(migrator: Migrator) -> dict[str, str]:
    """Name to checksum of each applied file; empty if functions of the file were dropped or replaced since."""
    files, applied = migrator.files(), migrator.applied()
    return in_force(files, applied, migrator.bodies(created_by(files).functions))


def misfits(migrator: Migrator) -> list[Misfit]:
    """The differences between the deployment's own relations and the columns that the functions need."""
    return misfits_of(migrator.relations(), migrator.applied())


def pending(migrator: Migrator) -> list[SqlFile]:
    """What would be applied now.

    Raises Misconfigured for Postgres older than 15, for edited or unknown files, if names are taken by others, and if
    relations do not fit.
    """
    refuse_old_server(migrator.server_version())
    applied = applied_in_force(migrator)
    files = pending_files(migrator.files(), applied)
    refuse_clashes(migrator.existing(to_be_free(files, applied)))
    refuse_misfits(misfits(migrator))
    return files


def apply_pending(migrator: Migrator, actor: str) -> list[SqlFile]:
    """Applies what is missing; harmless to repeat. Raises LockHeld while another migration runs."""
    files = pending(migrator)
    if files:
        migrator.apply(files, actor)
    return files
