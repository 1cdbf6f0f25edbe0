"""A text cell that a spreadsheet could take for a formula gets a quote before it."""

import re
import sys
import unicodedata

import pytest

from billing_cli.domain.spreadsheet import neutral

DANGEROUS = [
    *("=1+1", "+1", "-1", "@SUM(A1)"),
    # Full-width and small forms, which programs read as the plain ones; and the minus of typography.
    *("＝1+1", "＋1", "－1", "＠SUM(A1)", "﹢1", "﹣1", "﹦1", "﹫x", "−1"),
    # Behind what is not seen.
    *(" =1", "   ＝1", "\t=1", "\r=1", "\n=1", "\v=1", "\f=1", "\x00=1", "\x1f=1", "\x85=1"),
    *("\u00a0=1", "\ufeff=1", "\u200b=1", "\u200d-1", "\u2060@x", "\u00ad+1", "\u3000＝1", "\u202e=1", "\u2009=1"),
    *("\u3164=1", "\u2800=1", "\u115f=1", "\ufe0f=1", "\U000e0020=1", "\u00a0\ufeff \u200b＝1"),
    # These begin a cell anew in some programs, whatever follows.
    *("\tx", "\rx", "\nx", " \tx", "\u00a0\rx"),
]
HARMLESS = [
    "",
    " ",
    "plain",
    "a=b",
    "1-2",
    "'=1",
    "’=1",
    "Ａ＝1",
    "\u00a0plain",
    "\ufeffplain",
    "é",
    "(1)",
    '"=1"',
    "_=1",
]


@pytest.mark.parametrize("text", DANGEROUS, ids=ascii)
def test_what_may_be_computed_is_quoted_and_otherwise_kept(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert neutral(text) == text


def test_every_blank_control_and_format_character_is_looked_behind() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    unseen = [each for each in characters if unicodedata.category(each) in ("Zs", "Zl", "Zp", "Cc", "Cf")]
    assert len(unseen) > 100
    assert [each for each in unseen if neutral(f"{each}=1") == f"{each}=1"] == []


def test_no_letter_or_digit_is_taken_for_a_blank() -> None:
    letters = [each for each in map(chr, range(0x3000)) if re.match(r"\w", each) and each not in "\u115f\u1160"]
    assert [each for each in letters if neutral(f"{each}=1") != f"{each}=1"] == []
