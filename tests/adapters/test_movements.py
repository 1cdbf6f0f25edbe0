"""A movement of money lacks nothing: its room, its rule, its commands, and its place in SQL; and nothing is a default."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import mypy.api
import pytest
from command_tree import leaves
from support.usage import Connection

import billing_cli
from billing_cli.adapters.stripe import money_mover, movements
from billing_cli.adapters.stripe.movements.movement import Movement
from billing_cli.adapters.stripe.movements.rooms import room_of
from billing_cli.cli.apply import SAVABLE
from billing_cli.domain import movement
from billing_cli.domain.movement import IntentKind, rule_of
from billing_cli.domain.plan_request import REQUESTS
from billing_cli.usecases import intents, moving

ROOT = Path(billing_cli.__file__).parent
ROOMS = Path(movements.__file__).parent
STATUSES = [
    "pending",
    "requires_action",
    "succeeded",
    "failed",
    "canceled",
    "issued",
    "void",
    "paid",
    "uncollectible",
    None,
]


class Unknown(str):
    """A kind that was added to the enum, and nowhere else."""

    value = "new_kind"


@pytest.mark.parametrize("kind", IntentKind)
def test_every_kind_has_a_room_of_its_own(kind: IntentKind) -> None:
    room = type(room_of(kind))
    assert Path(inspect.getfile(room)).parent == ROOMS
    shared = [other for other in IntentKind if other is not kind and type(room_of(other)).__module__ == room.__module__]
    assert shared == []
    wanted = [name for name in vars(Movement) if not name.startswith("_")]
    assert [name for name in wanted if not callable(getattr(room, name, None))] == []


def test_every_room_has_its_place_in_the_list() -> None:
    """A module with a movement that no kind leads to would never be used."""
    listed = {Path(inspect.getfile(type(room_of(kind)))).stem for kind in IntentKind}
    rooms = {path.stem for path in ROOMS.glob("*.py") if "def create(" in path.read_text(encoding="utf-8")}
    assert rooms - {"movement"} == listed


@pytest.mark.parametrize("kind", IntentKind)
def test_every_kind_has_a_command_that_plans_it(kind: IntentKind) -> None:
    for command in rule_of(kind).commands:
        assert command in SAVABLE
        assert command in REQUESTS
        assert command in leaves()


@pytest.mark.parametrize("ask", [room_of, rule_of])
def test_a_kind_that_is_not_named_is_an_error_and_no_other_kind(ask: Any) -> None:
    with pytest.raises(AssertionError, match="unreachable"):
        ask(Unknown())


def test_a_new_kind_does_not_pass_mypy_without_room_and_rule(tmp_path: Path) -> None:
    """The enum with one kind more, checked in place of the real module."""
    real = Path(movement.__file__)
    text = real.read_text(encoding="utf-8")
    longer = tmp_path / "movement.py"
    longer.write_text(text.replace('    REFUND = "refund"\n', '    REFUND = "refund"\n    NEW_KIND = "new_kind"\n'))
    options = ["--strict", "--follow-imports=skip", "--cache-dir", str(tmp_path / "cache")]
    shadow = ["--shadow-file", str(real), str(longer)]
    out, err, code = mypy.api.run([*options, *shadow, str(real), str(ROOMS / "rooms.py")])
    assert (code, err) == (1, ""), out
    found = {Path(line.split(":")[0]).name for line in out.splitlines() if "NEW_KIND" in line and "Never" in line}
    assert found == {"movement.py", "rooms.py"}, out


@pytest.mark.parametrize("module", [money_mover, moving, intents])
def test_what_tries_proves_and_settles_knows_no_kind(module: Any) -> None:
    tree = ast.parse(inspect.getsource(module))
    names = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
    texts = {part.value for part in ast.walk(tree) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    assert "IntentKind" not in names
    assert texts & {kind.value for kind in IntentKind} == set()


def test_sql_knows_the_same_kinds(sql: Connection) -> None:
    rows = sql.execute("select unnest(enum_range(null::billing_intent_kind))::text").fetchall()
    assert sorted(kind for (kind,) in rows) == sorted(IntentKind)


@pytest.mark.parametrize("kind", IntentKind)
def test_sql_has_the_rule_of_every_kind(kind: IntentKind, sql: Connection) -> None:
    rule = rule_of(kind)
    assert sql.execute("select billing_intent_books_v1(%s)", (kind.value,)).fetchone() == (rule.books,)
    for status in STATUSES:
        answer = sql.execute("select billing_intent_reversed_v2(%s, %s)", (kind.value, status)).fetchone()
        assert answer == (status in rule.reversed_by,), status
    mirror = "select billing_intent_mirror_v1(jsonb_populate_record(null::billing_intents, %s::jsonb), '{}')"
    assert sql.execute(mirror, (f'{{"kind": "{kind.value}"}}',)).fetchone() == ("unchanged",)


def test_sql_names_the_kinds_that_it_means(sql: Connection) -> None:
    """A kind that no function names has neither another one's row nor another one's adjustment."""
    sql.execute("alter type billing_intent_kind add value 'new_kind'")
    for asked in ("billing_intent_books_v1('new_kind')", "billing_intent_reversed_v2('new_kind', 'void')"):
        with pytest.raises(Exception, match="case not found"):
            sql.execute(f"select {asked}")
    mirror = (
        'select billing_intent_mirror_v1(jsonb_populate_record(null::billing_intents, \'{"kind": "new_kind"}\'), %s)'
    )
    answer = sql.execute(mirror, ('{"refunded_minor": 5, "amount_paid_minor": 5}',)).fetchone()
    assert answer == ("cannot be updated: case not found",)
    text = (ROOT.parent / "sql" / "functions" / "intent.sql").read_text(encoding="utf-8")
    assert re.findall(r"kind\s*(?:<>|!=|=\s*'|in\s*\()", text) == []
    decisions = re.findall(r"case \w*\.?p?_?\w*kind\n(.*?)end case;", text, re.DOTALL)
    assert len(decisions) == 3
    assert [part for part in decisions if re.search(r"\belse\b|\bcase\b", part)] == []
