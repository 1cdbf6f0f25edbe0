"""The file of the audit log proves itself: a line that was changed, cut out, inserted or moved is named."""

import hashlib
import json

import pytest

from billing_cli.domain.audit import AuditHead
from billing_cli.domain.audit_lines import first_fault

SCHEMA = "billing.audit-entry/v1"


def entry(rows: int, previous: str) -> tuple[str, str]:
    """A line that no database made, sealed as it should be; and its hash."""
    content = f'["{previous}", "{1_700_000_000 + rows}.000000", "ana", "refund.done", "int_{rows}", {{}}]'
    sealed = hashlib.sha256(content.encode()).hexdigest()
    document = {
        "schema": SCHEMA, "rows": rows, "audit_id": rows * 2, "at": f"2023-11-14T22:13:{20 + rows}+00:00", "actor": "ana",
        "action": "refund.done", "subject": f"int_{rows}", "details": {}, "previous_hash": previous, "hash": sealed,
    }  # fmt: skip
    return json.dumps(document), sealed


def chain(count: int = 5) -> list[str]:
    lines, previous = [], ""
    for rows in range(1, count + 1):
        line, previous = entry(rows, previous)
        lines.append(line)
    return lines


def fault_of(lines: list[str]) -> tuple[int | None, str] | None:
    fault = first_fault(enumerate(lines, 1))
    return (fault.line, fault.problem.value) if fault else None


def test_a_whole_file_and_the_end_of_one_are_proved() -> None:
    lines = chain()
    assert fault_of(lines) is None
    assert fault_of(lines[2:]) is None
    assert fault_of([]) is None


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ([1, 2, 4, 5], (3, "file-link")),
        ([1, 3, 2, 4, 5], (2, "file-link")),
        ([1, 2, 3, 1], (4, "file-link")),
        ([2, 1], (2, "file-link")),
        ([1, 2, 2, 3], None),
    ],
)
def test_a_line_that_does_not_follow_is_named(order: list[int], fault: tuple[int, str] | None) -> None:
    lines = chain()
    assert fault_of([lines[number - 1] for number in order]) == fault


def test_a_head_between_two_lines_hides_no_gap() -> None:
    lines = chain()
    head = vars(AuditHead.from_line(lines[2]))
    lines[2] = json.dumps({"schema": "billing.audit-verify/v1", "head": head})
    assert fault_of(lines) == (4, "file-link")
    assert fault_of([*lines[:3], json.dumps({"schema": "billing.error/v1"})]) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"actor": "eve"},
        {"at": "2023-11-14T22:13:22.000001+00:00"},
        {"at": "yesterday"},
        {"at": 1},
        {"at": "2023-11-14T22:13:22"},
        {"details": {"amount_minor": 1}},
        {"details": None},
        {"subject": 3},
        {"previous_hash": "f" * 64},
        {"hash": "f" * 64},
        {"note": "not covered"},
        {"actor": "\ud800"},
    ],
    ids=str,
)
def test_a_line_that_was_changed_is_named(changed: dict[str, object]) -> None:
    lines = chain()
    lines[1] = json.dumps({**json.loads(lines[1]), **changed})
    assert fault_of(lines) == (2, "file-content")


@pytest.mark.parametrize("name", ["actor", "at", "details", "previous_hash"])
def test_a_line_without_a_field_is_named(name: str) -> None:
    lines = chain()
    lines[1] = json.dumps({key: value for key, value in json.loads(lines[1]).items() if key != name})
    assert fault_of(lines) == (2, "file-content")


def test_a_field_that_stands_twice_is_named() -> None:
    lines = chain()
    lines[1] = lines[1].replace('"actor": "ana"', '"actor": "eve", "actor": "ana"')
    assert fault_of(lines) == (2, "file-content")


@pytest.mark.parametrize(
    "changed",
    [{"audit_id": 7}, {"audit_id": 2}, {"rows": 3}, {"audit_id": 9}],
    ids=str,
)
def test_numbers_that_no_hash_covers_must_go_up_and_be_whole(changed: dict[str, int]) -> None:
    """Of the number itself the database knows more: it is looked for there, with its hash."""
    lines = chain()
    lines[1] = json.dumps({**json.loads(lines[1]), **changed})
    assert (fault_of(lines) or (0, ""))[1] == "file-link"


@pytest.mark.parametrize(
    "head",
    [
        {"audit_id": 1.0}, {"audit_id": True}, {"audit_id": "1"}, {"audit_id": 0}, {"audit_id": 2**63},
        {"rows": -1}, {"rows": None}, {"hash": ""}, {"hash": "x"}, {"hash": 1}, {"hash": "a" * 65},
    ],
    ids=str,
)  # fmt: skip
def test_a_head_with_values_of_other_types_is_no_head(head: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no (number|hash)"):
        AuditHead.from_line(json.dumps({**json.loads(entry(1, "")[0]), **head}))


def test_a_line_nested_beyond_measure_is_no_head() -> None:
    with pytest.raises(ValueError, match="no head"):
        AuditHead.from_line('{"schema":' + "[" * 200_000)
