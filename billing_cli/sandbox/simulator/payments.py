"""Payment intents, charges and what is taken off them: refunds and disputes."""

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler

PLAIN: dict[tuple[str, str], PlainHandler] = {}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {}
