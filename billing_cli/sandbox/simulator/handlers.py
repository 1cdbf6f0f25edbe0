"""What a route leads to."""

from collections.abc import Callable

from billing_cli.sandbox.simulator.replies import Call, Reply
from billing_cli.sandbox.simulator.state import State

PlainHandler = Callable[[State, Call], Reply]
IdHandler = Callable[[State, Call, str], Reply]
TwoIdsHandler = Callable[[State, Call, str, str], Reply]
