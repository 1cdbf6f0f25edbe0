"""A plan as the content of a file, signed by its maker; and read again."""

import json
from datetime import UTC, datetime
from pathlib import Path

from billing_cli.domain.approval import PLAN_NAMESPACE, plan_text
from billing_cli.domain.errors import BadInput
from billing_cli.domain.plan import Plan
from billing_cli.domain.plan_file import PlanFile, read_plan_file
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


def load_plan_file(path: Path) -> PlanFile:
    """Raises BadInput in a sentence for anything that is no plan."""
    try:
        return read_plan_file(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no plan file.", "Make one with --plan-out.") from None
