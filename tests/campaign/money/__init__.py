"""Money moved by hand under every fault at once, by operators who get in each other's way."""

from campaign.money.run import run

__all__ = ["run"]
