"""The pictures in README.md are what the program shows today, load nothing, and say what they are."""

import re
from pathlib import Path

import pytest
from screenshots import IMAGES, pictures

README = Path(__file__).parents[2] / "README.md"
MOST_BYTES = 60_000
TAKEN = pictures()


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_what_the_program_shows(name: str) -> None:
    assert (IMAGES / name).read_text(encoding="utf-8") == TAKEN[name], "run make docs"


def test_there_is_no_picture_of_nothing() -> None:
    assert {file.name for file in IMAGES.iterdir()} == set(TAKEN)


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_small_text_that_loads_nothing(name: str) -> None:
    svg = TAKEN[name]
    assert len(svg.encode()) <= MOST_BYTES
    assert re.findall(r"https?:[^\"]*|url\([^#]|<image|href", svg) == ["http://www.w3.org/2000/svg"]
    assert f"$&#160;billing&#160;{name.removesuffix('.svg')}" in svg


def test_a_reader_without_pictures_is_told_what_they_show() -> None:
    shown = dict(re.findall(r"!\[(.*?)\]\(docs/images/(.*?)\)", README.read_text(encoding="utf-8")))
    assert set(shown.values()) == set(TAKEN)
    assert all(len(alt) > 40 for alt in shown)
