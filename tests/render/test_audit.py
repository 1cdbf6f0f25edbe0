"""What an operator sees of the audit log, at any width."""

import io

import pytest
from rich.console import Console, RenderableType

from billing_cli.domain.audit import AuditEntry, AuditFault, AuditHead, Problem, Verification
from billing_cli.render.audit import EntriesView, VerificationView

DETAILS = {"amount_minor": 1250, "note": "[bold]late", "error": None, "items": [1, 2], "request_id": "req_" + "1" * 40}
ENTRY = AuditEntry(
    415, "2026-11-24T02:38:02.071244+00:00", "ana", "refund.done", "int_" + "2" * 40, DETAILS, "", "f" * 64
)
HEAD = AuditHead(415, "f" * 64, 1412)
INTACT = VerificationView(Verification(HEAD, 1409, None), "/var/lib/audit.jsonl", "/var/lib/audit.jsonl", 3)


def faulty(problem: Problem, entry: AuditEntry | None = ENTRY) -> VerificationView:
    return VerificationView(Verification(None, 9, AuditFault(415, problem, entry)), "audit.jsonl", None, 0)


def shown(renderable: RenderableType, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("view", [EntriesView([ENTRY]), EntriesView([]), INTACT, *map(faulty, Problem)])
def test_nothing_is_wider_than_the_terminal(view: RenderableType, width: int) -> None:
    assert max(map(len, shown(view, width).splitlines())) <= width


@pytest.mark.parametrize("width", [40, 120])
def test_a_row_is_shown_as_it_is(width: int) -> None:
    text = shown(EntriesView([ENTRY]), width)
    for part in ("415", "2026-11-24", "02:38:02Z", "ana", "refund.done", "amount_minor", "1250", "[bold]late"):
        assert part in text
    assert "error" not in text


def test_the_head_is_printed_whole() -> None:
    text = shown(INTACT)
    assert "Intact: 1,412 rows." in text
    assert f"row 415, the last of 1,412; the numbers of writes that were undone stay unused\n{'f' * 64}\n" in text
    assert "All 1,409 heads in /var/lib/audit.jsonl were found." in text
    assert "3 new rows were appended to /var/lib/audit.jsonl." in text


def test_without_anything_from_elsewhere_it_says_so() -> None:
    assert "Compared with nothing" in shown(VerificationView(Verification(HEAD, 0, None), None, None, 0))
    assert "knew nothing" in shown(VerificationView(Verification(HEAD, 0, None), "audit.jsonl", None, 0))
    assert "Intact: 0 rows." in shown(VerificationView(Verification(None, 0, None), None, None, 0))


@pytest.mark.parametrize("problem", Problem)
def test_a_fault_names_the_row_and_where_to_look(problem: Problem) -> None:
    text = shown(faulty(problem))
    assert "Row 415" in text
    assert "refund.done" in text
    assert ('"audit_id": 415 in audit.jsonl' in text) == (problem in (Problem.MISSING, Problem.DIFFERS))
    assert "It says now" not in shown(faulty(problem, None))
