"""How long a run bears with a database that is away."""

import pytest
from support.full_disk import fill_disk
from support.usage import Connection, add_usage
from tenacity import RetryCallState, Retrying

from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.errors import Unavailable
from billing_cli.usecases import patience, sending
from billing_cli.usecases.patience import Patience

from .conftest import Billing


def failed() -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    away = Unavailable("The database is away.", "Try later.")
    state.set_exception((Unavailable, away, None))
    return state


def test_all_calls_of_a_run_share_one_span_until_the_database_answers() -> None:
    now_s, told = [100.0], list[int]()
    patience = Patience(lambda _, seconds: told.append(seconds), lambda: now_s[0])
    claim, settle = patience.is_over_for("claim"), patience.is_over_for("settle")
    assert not claim(failed())
    now_s[0] += 29
    assert not claim(failed())
    now_s[0] += 1
    # The call that waited, and then one that only begins to.
    assert claim(failed()) and settle(failed())
    assert told == [30]
    patience.answered("claim")
    assert settle(failed())
    patience.answered("settle")
    assert not claim(failed())
    assert told == [30, 30]


def test_the_success_of_another_call_does_not_extend_the_span() -> None:
    now_s = [100.0]
    patience = Patience(lambda *_: None, lambda: now_s[0])
    claim = patience.is_over_for("claim")
    assert not claim(failed())
    now_s[0] += 30
    patience.answered("heartbeat")
    assert claim(failed())


def test_a_full_disk_ends_a_run_whose_heartbeats_succeed(
    export: Billing, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_HEARTBEAT_S", 0.02)
    monkeypatch.setattr(patience, "_PATIENCE_S", 1)
    add_usage(sql, "co_1", "api_calls", 5)
    fill_disk(sql)
    answer = export()
    assert answer.code == 75
    assert answer.stderr.count("Trying again for 1 s.") == 1
    assert answer.stderr.count("The database's disk is full: could not extend file.") == 2


def test_a_run_that_loses_the_database_says_it_once_and_gives_up_once(
    export: Billing, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    call = PostgresDatabase.call

    def lost(self: PostgresDatabase, function: str, **args: object) -> object:
        if function in ("billing_batch_settle_v1", "billing_batch_finish_v1"):
            tries.append(function)
            raise Unavailable("The database cannot be reached.", "Try later.")
        return call(self, function, **args)

    monkeypatch.setattr(PostgresDatabase, "call", lost)
    monkeypatch.setattr(patience, "_PATIENCE_S", 0)
    add_usage(sql, "co_1", "api_calls", 5)
    answer = export()
    assert (answer.code, answer.stderr.count("Trying again for 0 s.")) == (75, 1)
    assert tries == ["billing_batch_settle_v1", "billing_batch_finish_v1"]
