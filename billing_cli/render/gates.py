"""The lines every plan ends with: whose account, which gates, which digest, what to type next."""

from rich.console import Group, RenderableType
from rich.text import Text

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.gate import Gates
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS, Plan


def render_identity(identity: StripeIdentity) -> Text:
    """The Stripe account; live mode in red, because then it is real money."""
    text = Text.assemble(("Stripe account ", "dim"), (identity.account_id, "bold"), "  ")
    if identity.livemode or identity.key_is_live:
        text.append(" LIVE KEY " if identity.key_is_live else " LIVE MODE ", "bold white on red")
    else:
        text.append("test mode", "green")
    agrees = "key and Stripe agree" if identity.agrees else "THE KEY AND STRIPE DISAGREE ON LIVE MODE"
    text.append(f"  {agrees}", "dim" if identity.agrees else "bold red")
    return text


def render_gates(plan: Plan, gates: Gates) -> RenderableType:
    """Both gates' state, whose limits hold, the digest, and what follows: the command to type, or the run."""
    lines = [
        Text.assemble(
            ("Gates   ", "dim"),
            _gate("--confirm", gates.confirm),
            "   ",
            _gate("LIVE=true", gates.live),
        ),
        Text.assemble(("Config  ", "dim"), gates.config or "none: no limits, defaults"),
        Text.assemble(("Digest  ", "dim"), plan.digest[:SHOWN_DIGEST_CHARS]),
    ]
    lines += _demands(plan, gates)
    if not gates.open and not plan.empty:
        then = plan.demands.next_step if plan.demands.refusal else "To carry out exactly this plan:"
        lines.append(Text.assemble(("Nothing was written. ", "bold"), then))
    return Group(*lines)


def _demands(plan: Plan, gates: Gates) -> list[Text]:
    """What this plan asks for besides the two gates."""
    demands = plan.demands
    lines = []
    if demands.refusal:
        lines.append(Text(f"Refused: {demands.refusal}", "bold red"))
    # Where the gate refuses for this reason, its refusal says it.
    if demands.seen and not (gates.open and gates.expect is None):
        lines.append(Text(demands.seen, "yellow"))
    if demands.second_person:
        approved = gates.approval_id is not None
        said = f"approved ({gates.approval_id})" if approved else "a second person has to approve this"
        lines.append(Text(f"{demands.second_person} {said[0].upper()}{said[1:]}.", "green" if approved else "yellow"))
    return lines


def _gate(name: str, is_open: bool) -> Text:
    return Text(f"{name} {'open' if is_open else 'closed'}", "green" if is_open else "yellow")


def gates_document(plan: Plan, gates: Gates) -> dict[str, object]:
    identity = plan.identity
    return {
        "digest": plan.digest,
        "stripe_account_id": identity.account_id,
        "livemode": identity.livemode,
        "livemode_agrees": identity.agrees,
        "gates": {"confirm": gates.confirm, "live": gates.live},
        "config": gates.config,
        "demands": {
            "refusal": plan.demands.refusal,
            "second_person": plan.demands.second_person,
            "seen": plan.demands.seen,
            "approval_id": gates.approval_id,
        },
    }
