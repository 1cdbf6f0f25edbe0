"""Markdown of one part of the campaign, for docs/reliability.md."""

from collections import Counter
from collections.abc import Sequence

from campaign.verdict import Verdict


def report(title: str, verdicts: Sequence[Verdict], size: str, wall_s: float) -> str:
    """Two tables: what became of the runs, and what they met with. `size` names what a run's size counts."""
    met = Counter(name for verdict in verdicts for name in verdict.met)
    codes = Counter(code for verdict in verdicts for code in verdict.codes)
    laws = dict.fromkeys(law for verdict in verdicts for law in verdict.wrong)
    wrong = {law: sum(1 for verdict in verdicts if verdict.wrong.get(law)) for law in laws}
    seeds = f"seeds {verdicts[0].seed} to {verdicts[-1].seed}"
    lines = [
        f"{title}: {len(verdicts)} runs, {seeds}, {wall_s / 60:.0f} minutes",
        "",
        "| | runs |",
        "|---|--:|",
        *(f"| {law} | {count} |" for law, count in wrong.items()),
        f"| left something for a person to look at | {sum(1 for v in verdicts if v.unsettled)} |",
        f"| exact | {sum(1 for v in verdicts if v.good and not v.unsettled)} |",
        "",
        f"{sum(v.size for v in verdicts):,} {size}; {sum(codes.values()):,} processes ended with "
        + ", ".join(f"{code} ({count:,})" for code, count in sorted(codes.items(), key=lambda pair: str(pair[0]))),
        "",
        "| met with | runs |",
        "|---|--:|",
        *(f"| {name} | {count} |" for name, count in sorted(met.items())),
        "",
    ]
    return "\n".join(lines)
