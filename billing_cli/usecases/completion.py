"""What may be meant by the beginning of an id."""

from billing_cli.domain.ports import Database

# Ids of these are offered of one company, or of all; the others have none.
_OF_A_COMPANY = ("payments", "invoices")


def candidates(
    database: Database, noun: str, prefix: str, company_id: str | None, at_most: int
) -> list[tuple[str, str | None]]:
    """Ids that begin with `prefix`, and a few words on each; companies by id, all else newest first.

    `noun` is companies, batches, intents, approvals, events, payments or invoices.
    """
    narrowed = {"p_company_id": company_id} if noun in _OF_A_COMPANY else {}
    found = database.call(f"billing_complete_{noun}_v1", p_prefix=prefix, p_at_most=at_most, **narrowed)
    return [(row["id"], row["says"]) for row in found]
