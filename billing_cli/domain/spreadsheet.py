"""CSV files that people open in a spreadsheet."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutral(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula: a quote goes before a dangerous first character.

    For text only; numbers are written as they are. Source: OWASP, CSV Injection.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
