"""The second person: what is signed, by whom, and whether it still counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.errors import Refused

# ssh-keygen's namespaces: a signature made for one purpose is worth nothing for the other.
PLAN_NAMESPACE = "billing-plan"
APPROVAL_NAMESPACE = "billing-approval"


@dataclass(frozen=True)
class Signer:
    """A person in the allowed-signers file; `key` is the fingerprint of the key used."""

    name: str
    key: str


def plan_text(digest: str) -> bytes:
    """What a maker signs."""
    return _lines("billing plan v1", digest=digest)


@dataclass(frozen=True)
class Terms:
    """What an approver agrees to: this plan, by this maker, until then (ISO 8601, UTC), once."""

    approval_id: str
    digest: str
    maker: Signer
    expires_at: str

    def text(self) -> bytes:
        """What an approver signs."""
        return _lines(
            "billing approval v1",
            approval=self.approval_id,
            digest=self.digest,
            maker=self.maker.name,
            maker_key=self.maker.key,
            expires_at=self.expires_at,
        )


@dataclass(frozen=True)
class Approval:
    """An approval as the database has it; `state` is usable, used, revoked or expired, by the database's clock."""

    terms: Terms
    approver: Signer
    signature: str
    command: str
    stripe_account_id: str
    livemode: bool
    state: str
    approved_at: str
    used_for: str | None
    revoked_by: str | None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Approval":
        maker = Signer(document["maker"], document["maker_key"])
        return cls(
            terms=Terms(document["approval_id"], document["digest"], maker, document["expires_at"]),
            approver=Signer(document["approver"], document["approver_key"]),
            **{
                name: document[name]
                for name in ("signature", "command", "stripe_account_id", "livemode", "state", "approved_at",
                             "used_for", "revoked_by")
            },
        )  # fmt: skip


def check_second_person(maker: Signer, approver: Signer) -> None:
    """Raises Refused where the two are one person, by name or by key."""
    if maker.name == approver.name or maker.key == approver.key:
        raise Refused(
            f"Nothing was written: {approver.name} made this plan, and cannot approve it too.",
            "Somebody else has to approve it, with a key of their own.",
        )


def _lines(title: str, **fields: str) -> bytes:
    """One field a line. Raises Refused for a value with a line break, which could pose as another field."""
    for name, value in fields.items():
        if "\n" in value or "\r" in value:
            raise Refused(f"The {name} has a line break in it, and cannot be signed.")
    return "".join([f"{title}\n", *(f"{name}: {value}\n" for name, value in fields.items())]).encode()
