"""Invoices and what changes them: items, credit notes, the customer's balance."""

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler

PLAIN: dict[tuple[str, str], PlainHandler] = {}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {}
