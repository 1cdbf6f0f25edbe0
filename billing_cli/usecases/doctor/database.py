"""The database: reached by every way that is configured, migrated, closed to strangers, and right about the time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.deployment import FoundRelation, misfits_of
from billing_cli.domain.doctor import Check, Server, Subject
from billing_cli.domain.errors import DoesNotFit, NotMigrated
from billing_cli.domain.migrations import LEAST_SERVER, SqlFile, file_statuses
from billing_cli.domain.verdict import Verdict, failed, passed, skipped, warned
from billing_cli.usecases.doctor.clocks import same_time
from billing_cli.usecases.doctor.facts import Fact, Timed

# More than PostgREST's default limit.
PROBED_ROWS = 1500


@dataclass(frozen=True)
class Transport:
    """One way to the database. `probe` answers with an array of PROBED_ROWS."""

    server: Fact[Timed[Server]]
    probe: Fact[Any]


@dataclass(frozen=True)
class DatabaseFacts:
    """`applied` is asked over the wire and works before any migration; None where the wire is not configured.

    `relations` are asked over the wire too, if it is configured.
    """

    main: Transport
    rest: Transport | None
    wire: Transport | None
    applied: Fact[Mapping[str, str]] | None
    files: Sequence[SqlFile]
    relations: Fact[Mapping[str, FoundRelation]]
    doors: Fact[dict[str, Any]]
    writable: Fact[dict[str, Any]]

    @property
    def transports(self) -> list[Transport]:
        return [transport for transport in (self.rest, self.wire) if transport]


def database_checks(facts: DatabaseFacts) -> list[Check]:
    looks: dict[str, Callable[[], Iterator[Verdict]]] = {
        "database-wire": lambda: over_the_wire(facts),
        "database-rest": lambda: over_rest(facts),
        "migrations": lambda: migrations(facts),
        "relation-columns": lambda: relation_columns(facts),
        "database-same": lambda: same_database(facts),
        "database-clock": lambda: clock(facts.main.server()),
        "postgres-version": lambda: postgres_version(facts.main.server().value),
        "time-zone": lambda: time_zone(facts.main.server().value),
        "row-cut": lambda: row_cut(facts.transports),
        "database-writable": lambda: writable(facts.writable()),
        "locked-out": lambda: locked_out(facts.doors()),
    }
    explains = {"migrations": NotMigrated, "relation-columns": DoesNotFit}
    return [Check(name, Subject.DATABASE, look, explains=explains.get(name)) for name, look in looks.items()]


def over_the_wire(facts: DatabaseFacts) -> Iterator[Verdict]:
    if facts.applied is None:
        yield skipped("SUPABASE_DB_URL is not set.")
        return
    facts.applied()
    yield passed("Postgres answers over the wire.")


def over_rest(facts: DatabaseFacts) -> Iterator[Verdict]:
    if facts.rest is None:
        yield skipped("SUPABASE_URL is not set.")
        return
    try:
        yield passed(f"Supabase answers over REST, as {facts.rest.server().value.role}.")
    except NotMigrated:
        # Told by `migrations`, or by `database-same` where only the other way's database is migrated.
        yield passed("Supabase answers over REST.")


def migrations(facts: DatabaseFacts) -> Iterator[Verdict]:
    by_state: dict[str, list[str]] = {}
    for status in file_statuses(facts.files, _applied(facts)):
        by_state.setdefault(status.state, []).append(f"sql/{status.name}")
    applied_count = len(by_state.pop("applied", []))
    if edited := by_state.pop("edited", None):
        yield failed(f"Edited after it was applied: {_some(edited)}.", "Restore the file.")
    if unknown := by_state.pop("unknown", None):
        yield failed(f"Only the database knows {_some(unknown)}.", "Use the newer version of billing.")
    if waiting := [name for names in by_state.values() for name in names]:
        yield failed(f"Not applied: {_some(waiting)}.", "billing db migrate --confirm")
    if not (edited or unknown or waiting):
        yield passed(f"{applied_count} files are applied and unchanged.")


def relation_columns(facts: DatabaseFacts) -> Iterator[Verdict]:
    misfits = misfits_of(facts.relations(), _applied(facts))
    yield from (failed(misfit.says, misfit.next_step) for misfit in misfits)
    if not misfits:
        yield passed("Your four relations have the columns and types that are needed.")


def same_database(facts: DatabaseFacts) -> Iterator[Verdict]:
    if facts.rest is None or facts.wire is None:
        yield passed("One way to one database.")
    elif facts.rest.server().value.identity == facts.wire.server().value.identity:
        yield passed("REST and the wire reach the same database.")
    else:
        yield failed(
            "SUPABASE_URL and SUPABASE_DB_URL are two databases: one would be migrated, and the other used.",
            "Correct one of them.",
        )


def writable(found: Mapping[str, Any]) -> Iterator[Verdict]:
    if found["standby"]:
        yield failed("The database is a standby and takes no writes.", "Use the address of the primary server.")
    elif found["read_only"]:
        yield failed(
            "The database is read-only.",
            "Make room on its disk; Supabase switches to read-only at 95 % of the disk. Then see the runbook.",
        )
    else:
        yield passed("The database takes writes.")


def clock(server: Timed[Server]) -> Iterator[Verdict]:
    yield from same_time("The database's", server.value.at, server.here)


def postgres_version(server: Server) -> Iterator[Verdict]:
    if server.version_num >= LEAST_SERVER:
        yield passed(f"Postgres {server.version}.")
    else:
        yield failed(f"Postgres {server.version} is older than 15.", "Upgrade the server to Postgres 15 or newer.")


def time_zone(server: Server) -> Iterator[Verdict]:
    if server.time_zone in ("UTC", "Etc/UTC", "GMT"):
        yield passed("UTC.")
    else:
        yield warned(
            f"The database shows times in {server.time_zone}. billing is not misled, a person may be.",
            f"In SQL: alter database {server.database} set timezone to 'UTC';",
        )


def row_cut(transports: Sequence[Transport]) -> Iterator[Verdict]:
    for transport in transports:
        rows = transport.probe()
        got = len(rows) if isinstance(rows, list) else 1
        if got != PROBED_ROWS:
            yield failed(
                f"Of {PROBED_ROWS:,} elements {got:,} arrived: answers are cut.",
                "A function of ours was replaced, or something between here and Postgres cuts:\nbilling db status",
            )
            return
    yield passed(f"An answer of {PROBED_ROWS:,} elements arrives whole.")


def locked_out(doors: Mapping[str, Any]) -> Iterator[Verdict]:
    roles = ", ".join(doors["roles"])
    if functions := doors["functions"]:
        yield failed(
            f"Strangers may call {_some(functions)}.", f"In SQL: revoke all on function {functions[0]} from {roles};"
        )
    if ours := doors["ours"]:
        yield failed(f"Strangers may touch {_some(ours)}.", f"In SQL: revoke all on public.{ours[0]} from {roles};")
    if bare := doors["without_rls"]:
        yield failed(
            f"Without row level security: {_some(bare)}.",
            f"In SQL: alter table public.{bare[0]} enable row level security;",
        )
    if theirs := doors["theirs"]:
        yield warned(
            f"Your own {_some(theirs)} can be touched by {roles}, policies aside.",
            f"In SQL, unless it is meant: revoke all on public.{theirs[0]} from {roles};",
        )
    if not (functions or ours or bare or theirs):
        yield passed("anon, authenticated and the public may call and touch nothing.")


def _applied(facts: DatabaseFacts) -> Mapping[str, str]:
    return facts.applied() if facts.applied else facts.main.server().value.applied


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
