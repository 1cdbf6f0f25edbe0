"""Many runs side by side; prints Markdown for docs/reliability.md, and exits 1 if any run went wrong."""

import argparse
import platform
import sys
import time
from collections import Counter

from campaign.many import many_verdicts
from campaign.run import Verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m campaign")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others count up from it")
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    started_at = time.monotonic()
    verdicts = sorted(many_verdicts(options.seed, options.runs, options.workers), key=lambda verdict: verdict.seed)
    print(_report(verdicts, options.seed, time.monotonic() - started_at))
    return 0 if len(verdicts) == options.runs and all(verdict.good for verdict in verdicts) else 1


def _report(verdicts: list[Verdict], seed: int, wall_s: float) -> str:
    met = Counter(name for verdict in verdicts for name in verdict.met)
    codes = Counter(code for verdict in verdicts for code in verdict.codes)
    judgements = [verdict.judgement for verdict in verdicts]
    lines = [
        f"{len(verdicts)} runs, seeds {seed} to {seed + len(verdicts) - 1}, {wall_s / 60:.0f} minutes, "
        f"{platform.platform()}, Python {platform.python_version()}",
        "",
        "| | runs |",
        "|---|--:|",
        f"| lost usage | {sum(1 for j in judgements if j.lost)} |",
        f"| billed usage twice | {sum(1 for j in judgements if j.doubled or j.repeated_identifiers)} |",
        f"| did not come to an end | {sum(1 for v in verdicts if v.hung or v.judgement.still_open)} |",
        f"| left something for a person to look at | {sum(1 for j in judgements if j.unsettled)} |",
        f"| exact | {sum(1 for v in verdicts if v.good and not v.judgement.unsettled)} |",
        "",
        f"{sum(v.rows for v in verdicts):,} usage rows; {sum(codes.values()):,} processes ended with "
        + ", ".join(f"{code} ({count:,})" for code, count in sorted(codes.items(), key=lambda pair: str(pair[0]))),
        "",
        "| met with | runs |",
        "|---|--:|",
        *(f"| {name} | {count} |" for name, count in sorted(met.items())),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
