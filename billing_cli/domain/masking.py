"""Personal data and secrets in text that people and other programs wrote, taken out before it is shown."""

import re

_EMAIL = re.compile(r"[^\s@<>\"'(),;:=/]+@[^\s@<>\"'(),;:=/]+\.[^\W\d_]{2,}")
# Keys with what Stripe leaves of them in its sentences (sk_test_****1234); JSON Web Tokens; name and password in an
# address, with the host. A publishable key is none.
_SECRET = re.compile(
    r"\b(?:sk|rk)_(?:live|test)_[\w*]+|\bwhsec_[\w+/=*]+|\bsb_secret_[\w*]+|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?"
    r"|(?<=://)[^/\s@\"'<>]+@[^/\s\"'<>]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\w+/=\s]|\\n)*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_PLACE = "[secret]"
# 13 to 19 digits, in groups or not; only what passes the check digit is taken for a card.
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")


def masked(text: str) -> str:
    """Addresses, card numbers, keys and passwords replaced. Names in a sentence cannot be told from other words."""
    text = _EMAIL.sub("[e-mail]", without_secrets(text))
    return _CARD.sub(lambda found: "[card]" if _passes_luhn(found[0]) else found[0], text)


def masked_person(name: str) -> str:
    """Who did it stays to be told apart; an address does not stay one: `ana@…`."""
    return _EMAIL.sub(lambda found: f"{found[0].partition('@')[0]}@…", without_secrets(name))


def without_secrets(text: str, known: frozenset[str] = frozenset()) -> str:
    """What looks like a secret replaced, and what is `known` to be one, however it looks."""
    if known:
        longest_first = sorted(known, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), _PLACE, text)
    return _SECRET.sub(_PLACE, text)


def holds_secret(text: str, known: frozenset[str] = frozenset()) -> bool:
    return without_secrets(text, known) != text


def _passes_luhn(text: str) -> bool:
    digits = [int(digit) for digit in reversed(text) if digit.isdigit()]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
