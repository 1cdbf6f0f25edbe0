"""An examination as a person reads it, however narrow the terminal."""

import pytest
from rich.console import Console

from billing_cli.domain.doctor import Finding, Subject
from billing_cli.domain.verdict import Level, failed, passed, skipped, warned
from billing_cli.render.doctor import DoctorView, doctor_document

FINDINGS = [
    Finding("stripe-key", Subject.ENVIRONMENT, passed("A secret key of test mode.")),
    Finding("live-gate", Subject.ENVIRONMENT, warned("LIVE=true is set here.", "unset LIVE")),
    Finding("migrations", Subject.DATABASE, failed("Not applied: sql/functions/doctor.sql.", "billing db migrate")),
    Finding("locked-out", Subject.DATABASE, skipped("Not looked at.", "First settle migrations.")),
]


@pytest.mark.parametrize("width", [40, 72, 120])
def test_every_finding_is_shown_with_its_next_step(width: int) -> None:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(DoctorView(FINDINGS, 25))
    lines = capture.get().splitlines()
    assert max(len(line) for line in lines) <= width
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for finding in FINDINGS:
        assert finding.check in text
        assert finding.verdict.says in text
    for step in ("→ unset LIVE", "→ billing db migrate", "→ First settle migrations."):
        assert step in text
    assert "1 pass, 1 skip, 1 warn, 1 fail" in text
    assert "25 checks need the network and were left out" in text


@pytest.mark.parametrize(
    "step",
    [
        "Run by cron:\nLIVE=true billing webhooks fetch --since 2d --confirm",
        "See: billing --env-file a/b audit verify --against c",
    ],
)
def test_a_command_in_a_step_is_never_broken(step: str) -> None:
    console = Console(width=40)
    with console.capture() as capture:
        console.print(DoctorView([Finding("a-check", Subject.WEBHOOKS, warned("It is so.", step))], 0), crop=False)
    assert step.splitlines()[-1] in capture.get()


def test_the_document_counts_every_level_in_words() -> None:
    document = doctor_document(FINDINGS[:1], 0)
    assert document["counts"] == {"pass": 1, "skip": 0, "warn": 0, "fail": 0}
    assert document["findings"] == [
        {
            "check": "stripe-key",
            "subject": "environment",
            "level": Level.PASS.value,
            "says": "A secret key of test mode.",
            "next_step": "",
        }
    ]
