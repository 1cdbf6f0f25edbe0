"""`billing doctor`: is this environment ready, and if not, what is the next step."""

from typing import Annotated

import typer

from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.state import state_of
from billing_cli.domain.errors import Misconfigured


def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Only what needs no network, for CI.")] = False,
) -> int:
    """Check whether this environment is ready; every failure comes with its next step. Exit 3 on a failure.

    Writes: nothing
    Needs: nothing

    Examples:
    billing doctor
    billing --json doctor --offline
    """
    from billing_cli import wiring
    from billing_cli.domain.verdict import Level
    from billing_cli.render.doctor import DoctorView, doctor_document
    from billing_cli.usecases.doctor.examination import examine

    state = state_of(ctx)
    settings, config_error = state.settings_without_config(), None
    try:
        settings = settings.with_config()
    except Misconfigured as error:
        config_error = error
    with wiring.doctor_checks(settings, config_error, state.env_file) as checks:
        chosen = [check for check in checks if check.offline or not offline]
        findings = [finding.saying(state.command) for finding in examine(chosen)]
    left_out = len(checks) - len(chosen)
    state.emit("doctor", doctor_document(findings, left_out), DoctorView(findings, left_out))
    return EXIT_FOUND_WRONG if any(finding.verdict.level is Level.FAIL for finding in findings) else 0
