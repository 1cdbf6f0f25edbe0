"""A plan as the content of a file, signed by its maker."""

import json
from datetime import UTC, datetime
from pathlib import Path

from billing_cli.domain.approval import PLAN_NAMESPACE, plan_text
from billing_cli.domain.plan import Plan
from billing_cli.domain.plan_file import PlanFile
from billing_cli.domain.ports import Signatures


def plan_file_content(plan: Plan, signatures: Signatures, key: Path | None) -> bytes:
    """The file of a plan, signed with `key` if there is one. Raises Refused if no allowed signer has that key."""
    maker, signature = None, None
    if key is not None:
        signature = signatures.sign(plan_text(plan.digest), PLAN_NAMESPACE, key)
        maker = signatures.verify(plan_text(plan.digest), PLAN_NAMESPACE, signature)
    file = PlanFile(
        command=plan.command,
        request=dict(plan.request),
        stripe_account_id=plan.identity.account_id,
        livemode=plan.identity.livemode,
        digest=plan.digest,
        changes=dict(plan.changes),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        maker=maker,
        signature=signature,
    )
    return f"{json.dumps(file.to_document(), indent=2, ensure_ascii=False)}\n".encode()
