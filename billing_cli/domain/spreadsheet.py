"""CSV files that people open in a spreadsheet."""

import re

# Blanks, control and format characters, and letters without a shape: a program may drop them before it looks for a
# formula. Ranges of a character class that Python and the comparison's engine read alike.
_UNSEEN = (
    "\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680"
    "\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# With their small and full-width forms, and the minus of typography; a tab or a line's end begins a cell anew.
_STARTS = "=+@\\-\\t\\r\\n\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
FORMULA_START = f"^([{_UNSEEN}]*[{_STARTS}])"
_FORMULA = re.compile(FORMULA_START)


def neutral(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula: a quote goes before the text if it could.

    For text only; numbers are written as they are. Source: OWASP, CSV Injection.
    """
    return f"'{text}" if _FORMULA.match(text) else text
