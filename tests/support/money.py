"""Money as documents have it."""


def usd(amount_minor: int) -> dict[str, object]:
    return {"amount_minor": amount_minor, "currency": "usd"}
