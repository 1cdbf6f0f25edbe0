"""Which of our SQL files a database still needs, and when to stop instead."""

from dataclasses import replace

import pytest

from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.migrations import FUNCTIONS, MIGRATION, SqlFile, file_statuses, pending_files

FIRST = SqlFile("migrations/0001_first.sql", MIGRATION, "create table a ();")
SECOND = SqlFile("migrations/0002_second.sql", MIGRATION, "create table b ();")
CODE = SqlFile("functions/code.sql", FUNCTIONS, "create or replace function f() …")
FILES = [FIRST, SECOND, CODE]
APPLIED = {file.name: file.checksum for file in FILES}


def without(*names: str) -> dict[str, str]:
    return {name: checksum for name, checksum in APPLIED.items() if name not in names}


def test_an_empty_database_needs_everything_in_order() -> None:
    assert pending_files(FILES, {}) == FILES


def test_an_up_to_date_database_needs_nothing() -> None:
    assert pending_files(FILES, APPLIED) == []


def test_only_what_is_missing_is_applied() -> None:
    assert pending_files(FILES, without(SECOND.name)) == [SECOND]


def test_functions_are_applied_again_when_they_changed() -> None:
    changed = replace(CODE, text="something else")
    assert pending_files([FIRST, SECOND, changed], APPLIED) == [changed]


def test_an_edited_migration_stops_everything() -> None:
    with pytest.raises(Misconfigured, match=r"sql/migrations/0001_first\.sql was edited"):
        pending_files([replace(FIRST, text="drop table a;"), SECOND, CODE], without(SECOND.name))


def test_a_newer_versions_file_stops_everything() -> None:
    with pytest.raises(Misconfigured, match=r"sql/migrations/0002_second\.sql") as caught:
        pending_files([FIRST, CODE], APPLIED)
    assert "newer version" in caught.value.next_step


def test_every_file_is_listed_with_its_state() -> None:
    files = [replace(FIRST, text="x"), SECOND, replace(CODE, text="y")]
    applied = without(SECOND.name) | {"migrations/0009_later.sql": "0"}
    assert [(status.name, status.state) for status in file_statuses(files, applied)] == [
        (FIRST.name, "edited"),
        (SECOND.name, "pending"),
        (CODE.name, "changed"),
        ("migrations/0009_later.sql", "unknown"),
    ]
