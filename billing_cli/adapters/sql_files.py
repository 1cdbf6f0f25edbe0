"""Where the project's SQL files are: in the checkout, or in the installed package."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def sql_root() -> Traversable:
    installed = resources.files("billing_cli").joinpath("sql")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "sql"
