"""Columns share a terminal fairly, break no word, and become lines where they cannot."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.text import Text

from billing_cli.render.columns import Columns, Facts, amounts
from billing_cli.render.terminal import Terminal

WORDS = st.text("abcXYZ_019", min_size=1, max_size=30)
CELLS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4), width=st.integers(32, 140))
def test_no_word_is_broken_and_nothing_is_wider_than_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    table = Columns()
    for name in ("id", "what", "state"):
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    text = shown(table, width)
    assert max(map(len, text.splitlines())) <= width
    said = text.replace("│", " ").split()
    assert {word for row in rows for cell in row for word in cell.split()} <= set(said)


@given(facts=st.lists(st.tuples(WORDS, CELLS), min_size=1, max_size=5), width=st.integers(34, 100))
def test_facts_break_no_word_either(facts: list[tuple[str, str]], width: int) -> None:
    said = shown(Facts(facts), width)
    assert max(map(len, said.splitlines())) <= width
    assert {word for fact in facts for part in fact for word in part.split()} <= set(said.split())


def test_rows_say_their_columns_where_there_is_no_room() -> None:
    table = Columns()
    for name in ("file", "state"):
        table.add_column(name)
    table.add_row("a_file_with_a_name_longer_than_the_terminal.sql", Text("applied", "green"))
    assert shown(table, 30) == "a_file_with_a_name_longer_than_the_terminal.sql\n  state: applied\n"
    assert "│" in shown(table, 80)


@pytest.mark.parametrize("width", [40, 60])
def test_amounts_end_at_the_right_edge(width: int) -> None:
    assert shown(list(amounts("head", [("  one", "1.00 USD")]))[1], width) == f"  one{'1.00 USD':>{width - 5}}\n"


def shown(view: RenderableType, width: int) -> str:
    out = io.StringIO()
    Terminal(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False).print(
        view, crop=False
    )
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
