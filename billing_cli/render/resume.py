"""The plan of `batches resume`."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from billing_cli.domain.batch import ResumePlan
from billing_cli.domain.gate import Gates
from billing_cli.render.gates import render_gates, render_identity
from billing_cli.render.terminal import whole


@dataclass(frozen=True)
class ResumePlanView:
    """What is left of one batch, for a terminal of any width. `typed`: a command with its global options."""

    plan: ResumePlan
    gates: Gates
    typed: Callable[[str], str] = str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        batch = self.plan.batch
        yield Text.assemble(("Resume batch ", "dim"), (batch.batch_id, "bold"))
        yield render_identity(self.plan.identity)
        if batch.left:
            yield Text(
                f"{batch.pending:,} events were not sent yet; {batch.sending:,} may have been, and go again under the "
                "identifiers they have, or are looked up in Stripe's totals where that was over 23 hours ago."
            )
        elif batch.state == "rolling_back":
            yield Text("Nothing is left to send. The batch is being taken back; to go on with that:", "yellow")
            yield whole(self.typed(batch.next_command), "cyan")
        else:
            yield Text("Nothing is left to send.", "bold green")
        yield render_gates(self.plan, self.gates)
