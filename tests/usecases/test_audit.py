"""`billing audit`: what the log says, and that whoever owns the table cannot change it unnoticed."""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.adapters.audit_file import JsonLinesAuditFile
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.audit import AuditHead
from billing_cli.domain.errors import BadInput, FoundWrong, Misconfigured
from billing_cli.domain.ports import Database
from billing_cli.usecases import audit
from billing_cli.usecases.audit import AuditFilter, find_entries, send_log, verify_log

from .conftest import Billing

ROWS = 7


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few rows are several pages, and rows at their edges."""
    monkeypatch.setattr(audit, "_CHAIN_PAGE", 3)
    monkeypatch.setattr(audit, "_PAGE", 3)


@pytest.fixture
def wire(db_url: str) -> Iterator[Database]:
    with closing(PostgresDatabase(db_url)) as opened:
        yield opened


def write(sql: Connection, count: int = ROWS, actor: str = "ana") -> None:
    for number in range(1, count + 1):
        sql.execute("select billing_audit_append_v1(%s, 'refund.done', %s, %s)", (actor, f"int_{number}", Jsonb({})))


def owner(sql: Connection, *statements: str) -> None:
    """Whoever owns the table can take its guards away."""
    sql.execute("alter table billing_audit_log disable trigger all, alter column audit_id drop identity")
    sql.execute("alter table billing_audit_log drop constraint billing_audit_log_pkey")
    for statement in statements:
        sql.execute(statement)


def rechain(sql: Connection) -> None:
    """A forger who knows how: every row is sealed anew."""
    previous = ""
    for (audit_id,) in sql.execute("select audit_id from billing_audit_log order by 1").fetchall():
        row = sql.execute(
            """
            update billing_audit_log set previous_hash = %(previous)s,
              hash = billing_audit_hash_v1(%(previous)s, at, actor, action, subject, details)
            where audit_id = %(id)s returning hash
            """,
            {"previous": previous, "id": audit_id},
        ).fetchone()
        assert row
        (previous,) = row


def test_the_list_is_newest_first_and_filtered(billing: Billing, sql: Connection) -> None:
    write(sql, 5)
    write(sql, 2, actor="bob")
    sql.execute("select billing_audit_append_v1('bob', 'refunds.odd', 'int_1', '{}')")
    entries = billing("audit", "list").document["entries"]
    assert [entry["audit_id"] for entry in entries] == [8, 7, 6, 5, 4, 3, 2, 1]

    def found(*words: str) -> list[int]:
        return [entry["audit_id"] for entry in billing("audit", "list", *words).document["entries"]]

    assert found("--actor", "bob") == [8, 7, 6]
    assert found("--action", "refund.*") == [7, 6, 5, 4, 3, 2, 1]
    assert found("--action", "refunds.odd") == [8]
    assert found("--subject", "int_1") == [8, 6, 1]
    assert found("--subject", "int_1", "--actor", "ana") == [1]
    assert found("--limit", "4") == [8, 7, 6, 5]
    assert found("--since", "1h") == [8, 7, 6, 5, 4, 3, 2, 1]
    assert found("--until", "1h") == []
    assert found("--until", entries[2]["at"], "--since", entries[5]["at"]) == [5, 4, 3]


def test_an_action_that_nobody_ever_did_is_told_from_one_that_the_filters_leave_out(
    billing: Billing, sql: Connection
) -> None:
    sql.execute("select public.billing_audit_append_v1('ana', 'refund.opened', 'int_1', '{}')")
    slip = billing("audit", "list", "--action", "intent.*")
    assert (slip.code, slip.document["entries"]) == (0, [])
    assert "Nothing was ever recorded as 'intent.*'" in slip.stderr
    assert "refund.opened" in slip.stderr
    elsewhere = billing("audit", "list", "--action", "refund.*", "--actor", "ben")
    assert (elsewhere.document["entries"], "ever" in elsewhere.stderr) == ([], False)


def test_a_log_nobody_touched_is_intact_and_its_head_is_printed(database: Database, sql: Connection) -> None:
    assert verify_log(database, ()).head is None
    write(sql)
    found = verify_log(database, ())
    newest = next(find_entries(database, AuditFilter(), 1))
    assert (found.fault, found.head) == (None, AuditHead(newest.audit_id, newest.hash, ROWS))


CHANGES = {
    "at": "at + interval '1 microsecond'",
    "actor": "'eve'",
    "action": "'refund.refused'",
    "subject": "'int_0'",
    "details": """'{"amount_minor": 1}'""",
    "previous_hash": "md5('')",
    "hash": "md5('')",
}


def test_a_changed_row_is_named(billing: Billing, sql: Connection) -> None:
    write(sql)
    owner(sql, "create table untouched as table billing_audit_log")
    for row in (1, 3, 4, ROWS):
        for column, value in CHANGES.items():
            sql.execute(f"update billing_audit_log set {column} = {value} where audit_id = {row}")
            answer = billing("audit", "verify")
            assert (answer.code, answer.document["intact"], answer.document["head"]) == (3, False, None)
            assert answer.document["fault"]["audit_id"] == row, column
            sql.execute(
                f"update billing_audit_log l set {column} = u.{column} from untouched u where u.audit_id = l.audit_id"
            )
    assert billing("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("delete from billing_audit_log where audit_id = 4", 5),
        ("delete from billing_audit_log where audit_id = 1", 2),
        ("delete from billing_audit_log where audit_id <= 3", 4),
        ("update billing_audit_log set audit_id = 9 - audit_id where audit_id in (4, 5)", 4),
        ("update billing_audit_log set audit_id = 8 - audit_id", 1),
        ("update billing_audit_log set audit_id = 3 where audit_id = 4", 3),
        ("update billing_audit_log set audit_id = 100 where audit_id = 2", 3),
        ("update billing_audit_log set audit_id = -1 where audit_id = 7", -1),
    ],
)
def test_rows_that_are_gone_or_moved_are_found(statement: str, named: int, wire: Database, sql: Connection) -> None:
    write(sql)
    owner(sql, statement)
    fault = verify_log(wire, ()).fault
    assert fault
    assert (fault.audit_id, fault.problem) == (named, "link")


@pytest.mark.parametrize("place", [-5, 0, 15, 55])
def test_an_inserted_row_is_found(place: int, wire: Database, sql: Connection) -> None:
    """Sealed as it should be behind the row before it, and even so the next one does not follow it."""
    write(sql)
    owner(
        sql,
        "update billing_audit_log set audit_id = audit_id * 10",
        f"""
        insert into billing_audit_log (audit_id, actor, action, subject, details, at, previous_hash, hash)
        select {place}, 'eve', 'a', 's', '{{}}', now(), p, billing_audit_hash_v1(p, now(), 'eve', 'a', 's', '{{}}')
        from (select coalesce(max(hash) filter (where audit_id = {place} / 10 * 10), '') from billing_audit_log) f(p)
        """,
    )
    fault = verify_log(wire, ()).fault
    assert fault
    assert (fault.audit_id, fault.problem) == (max(place // 10 * 10 + 10, 10), "link")


FORGERIES: list[tuple[str, int, str]] = [
    ("delete from billing_audit_log where audit_id = 7", 7, "missing"),
    ("delete from billing_audit_log where audit_id >= 4", 4, "missing"),
    ("delete from billing_audit_log where audit_id = 4", 4, "missing"),
    ("delete from billing_audit_log where audit_id = 1", 1, "missing"),
    ("delete from billing_audit_log", 1, "missing"),
    ("update billing_audit_log set actor = 'eve' where audit_id = 5", 5, "differs"),
    ("update billing_audit_log set audit_id = -audit_id where audit_id in (2, 3)", 1, "differs"),
    ("update billing_audit_log set audit_id = 100 where audit_id = 7", 7, "missing"),
]


@pytest.mark.parametrize(("statement", "named", "problem"), FORGERIES)
def test_a_chain_forged_throughout_is_found_by_what_is_known_elsewhere(
    statement: str, named: int, problem: str, database: Database, sql: Connection, tmp_path: Path
) -> None:
    file = JsonLinesAuditFile(tmp_path / "audit.jsonl")
    write(sql)
    assert send_log(database, file) == ROWS
    owner(sql, statement)
    rechain(sql)
    assert verify_log(database, ()).fault is None
    fault = verify_log(database, file.heads()).fault
    assert fault
    assert (fault.audit_id, fault.problem) == (named, problem)


def test_one_head_written_down_is_enough_to_notice_that_the_newest_rows_are_gone(
    billing: Billing, sql: Connection, tmp_path: Path
) -> None:
    write(sql)
    noted = tmp_path / "noted.json"
    noted.write_text(json.dumps(billing("audit", "verify").document))
    write(sql, 1)
    assert billing("audit", "verify", "--against", str(noted)).code == 0
    owner(sql, "delete from billing_audit_log where audit_id >= 7")
    assert billing("audit", "verify").code == 0
    answer = billing("audit", "verify", "--against", str(noted))
    assert (answer.code, answer.document["fault"]["audit_id"], answer.document["fault"]["problem"]) == (3, 7, "missing")


def test_two_heads_that_contradict_each_other_are_found(wire: Database, sql: Connection, tmp_path: Path) -> None:
    write(sql, 6)
    file = JsonLinesAuditFile(tmp_path / "audit.jsonl")
    send_log(wire, file)
    heads = file.heads()
    for index, head in enumerate(heads):
        fault = verify_log(wire, [*heads, AuditHead(head.audit_id, "f" * 64, head.rows)]).fault
        assert fault, index
    assert verify_log(wire, [AuditHead(6, heads[-1].hash, 5)]).fault
    assert verify_log(wire, [*heads, *heads]).fault is None


def test_the_program_itself_cannot_change_or_remove_rows(sql: Connection) -> None:
    write(sql)
    for statement in (
        "update billing_audit_log set actor = ''",
        "delete from billing_audit_log",
        "truncate billing_audit_log",
    ):
        with pytest.raises(psycopg.Error, match="append-only"):
            sql.execute(statement)


def test_writers_at_once_keep_one_chain(wire: Database, sql: Connection, db_url: str) -> None:
    def write_some(actor: str) -> None:
        with psycopg.connect(db_url, autocommit=True) as connection:
            for _ in range(10):
                with connection.transaction(force_rollback=actor == "w1"):
                    write(connection, 2, actor)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write_some, (f"w{number}" for number in range(4))))
    found = verify_log(wire, ())
    assert found.fault is None
    assert found.head
    assert found.head.rows == 60


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_writer_with_an_old_snapshot_is_refused_and_not_let_fork_the_chain(
    level: str, wire: Database, sql: Connection, db_url: str
) -> None:
    with psycopg.connect(db_url) as late:
        late.execute(f"set transaction isolation level {level}")
        late.execute("select")
        write(sql)
        with pytest.raises(psycopg.Error, match=f"cannot be written in a transaction that is {level.upper()}"):
            write(late)
    assert verify_log(wire, ()).fault is None


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setenv("BILLING_AUDIT_FILE", str(path))
    return path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_write_command_sends_its_rows_and_a_dry_run_nothing(
    billing: Billing, plan: Billing, export: Billing, sql: Connection, kept: Path
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    assert plan().code == 0
    assert not kept.exists()
    assert export().code == 0
    sent = lines(kept)
    entries = billing("audit", "list").document["entries"]
    assert [
        {**entry, "schema": "billing.audit-entry/v1", "rows": n} for n, entry in enumerate(entries[::-1], 1)
    ] == sent
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    answer = billing("audit", "verify")
    assert (answer.code, answer.document["known"], answer.document["sent"]) == (0, len(sent), 0)


def test_verify_appends_what_is_new_and_only_that(billing: Billing, sql: Connection, kept: Path) -> None:
    write(sql)
    assert billing("audit", "verify").document["sent"] == ROWS
    before = kept.read_text()
    write(sql, 2)
    answer = billing("audit", "verify")
    assert (answer.document["known"], answer.document["sent"], answer.document["head"]["rows"]) == (ROWS, 2, ROWS + 2)
    assert kept.read_text().startswith(before)
    assert [line["rows"] for line in lines(kept)] == list(range(1, ROWS + 3))


def test_a_log_that_does_not_go_on_from_the_file_stops_a_write_before_it_begins(
    billing: Billing, export: Billing, sql: Connection, kept: Path, stripe: StripeDouble
) -> None:
    write(sql)
    billing("audit", "verify")
    before = kept.read_bytes()
    sql.execute("alter table billing_audit_log disable trigger all")
    sql.execute("delete from billing_audit_log where audit_id >= 6")
    add_usage(sql, "co_1", "api_calls", 5)
    answer = export()
    assert (answer.code, stripe.events()) == (4, [])
    assert "Nothing was written. The audit log does not go on from where" in answer.stderr
    assert (billing("audit", "verify").code, kept.read_bytes()) == (3, before)


def test_newest_rows_that_are_gone_are_noticed_before_there_are_others(
    wire: Database, sql: Connection, kept: Path
) -> None:
    write(sql)
    send_log(wire, JsonLinesAuditFile(kept))
    owner(sql, "delete from billing_audit_log where audit_id = 7")
    with pytest.raises(FoundWrong, match="does not go on"):
        send_log(wire, JsonLinesAuditFile(kept))


def test_a_file_that_cannot_be_written_is_said_before_anything_is_sent(
    export: Billing, sql: Connection, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    for place in (kept / "nowhere" / "audit.jsonl", kept.parent):
        monkeypatch.setenv("BILLING_AUDIT_FILE", str(place))
        answer = export()
        assert (answer.code, "BILLING_AUDIT_FILE" in answer.stderr) == (78, True)
    kept.symlink_to(kept.parent / "elsewhere")
    monkeypatch.setenv("BILLING_AUDIT_FILE", str(kept))
    assert export().code == 78
    assert sql.execute("select count(*) from billing_export_batches").fetchone() == (0,)


def test_a_line_torn_by_a_crash_is_sent_again(wire: Database, sql: Connection, kept: Path) -> None:
    file = JsonLinesAuditFile(kept)
    write(sql, 5)
    send_log(wire, file)
    whole = kept.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:length])
        assert all(head.rows <= 5 for head in file.heads())
        send_log(wire, file)
        assert kept.read_bytes() == whole


def test_a_disk_that_is_full_leaves_no_half_line(
    wire: Database, sql: Connection, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = JsonLinesAuditFile(kept)
    write(sql, 2)
    send_log(wire, file)
    whole = kept.read_bytes()
    write(sql, 2)
    really: Callable[[int, bytes], int] = os.write

    def full(handle: int, content: bytes) -> int:
        if len(content) < 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(handle, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Misconfigured, match="No space left"):
        send_log(wire, file)
    assert kept.read_bytes() == whole


def test_senders_at_once_append_every_row_once(wire: Database, sql: Connection, kept: Path) -> None:
    for _ in range(3):
        write(sql)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda _: send_log(wire, JsonLinesAuditFile(kept)), range(4)))
    assert [line["rows"] for line in lines(kept)] == list(range(1, 3 * ROWS + 1))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "nothing",
        "[1]",
        '{"schema": "billing.audit-entry/v1", "audit_id": 1}',
        '{"schema": "billing.export/v1"}',
    ],
)
def test_a_line_that_is_not_ours_is_named(line: str, kept: Path) -> None:
    good = '{"schema": "billing.audit-entry/v1", "audit_id": 1, "hash": "f", "rows": 1}'
    kept.write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(BadInput, match="Line 2 of"):
        JsonLinesAuditFile(kept).heads()
    kept.write_text(f"{good}\n{line}\n")
    with pytest.raises(BadInput, match="The last line of"), JsonLinesAuditFile(kept).appending():
        pass


def test_a_day_on_which_the_check_itself_failed_is_no_head(kept: Path) -> None:
    good = '{"schema": "billing.audit-verify/v1", "head": {"audit_id": 1, "hash": "f", "rows": 1}}'
    kept.write_text(f'{good}\n{{"schema": "billing.error/v1", "exit_code": 75}}\n{good}\n')
    assert [head.audit_id for head in JsonLinesAuditFile(kept).heads()] == [1, 1]


def test_a_file_to_compare_with_must_be_there(billing: Billing, tmp_path: Path) -> None:
    answer = billing("audit", "verify", "--against", str(tmp_path / "none"))
    assert (answer.code, "There is no file" in answer.stderr) == (2, True)
