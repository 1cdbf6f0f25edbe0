"""One record of a file that Stripe wrote: checked, and read as a row of the comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import currency_code
from billing_cli.domain.stripe_export import EXPORTS, ExportKind
from billing_cli.domain.written_amount import Convention
from billing_cli.domain.written_instant import read_instant

Row = dict[str, object]
_AGAIN = "Remove what a spreadsheet added, a line of totals for example, or export the file from Stripe again."


@dataclass(frozen=True)
class StripeRecord:
    """`cells` are by the names in COLUMNS, without blanks around them; `line` is its first in the file."""

    kind: ExportKind
    line: int
    cells: Mapping[str, str]

    def check(self, convention: Convention) -> None:
        """Lets the file's convention agree with its amounts.

        Raises BadInput for a record that lacks what every one has, or has a cell that cannot be read.
        """
        columns = EXPORTS[self.kind]
        self._need(columns.needed)
        if self.kind is ExportKind.PAYMENTS and self._took_money():
            self._need(("Converted Amount", "Converted Currency"))
        for column in columns.instants:
            self._instant_s(column)
        for column, currency in columns.amounts.items():
            if self.cells[column]:
                convention.agree(self.cells[column], self._currency(currency), self.line, column)

    def row(self, convention: Convention) -> Row | None:
        """For the table of its kind; None for a payment that took no money. Amounts are in minor units."""
        match self.kind:
            case ExportKind.ITEMIZED:
                return self._itemized(convention)
            case ExportKind.PAYMENTS:
                return self._payment(convention) if self._took_money() else None
            case ExportKind.INVOICES:
                return self._invoice(convention)

    def _itemized(self, convention: Convention) -> Row:
        cells = self.cells
        gross, shown = self._minor("gross", convention) or 0, self._minor("customer_facing_amount", convention)
        return {
            "transaction_id": cells["balance_transaction_id"],
            "category": cells["reporting_category"],
            "amount_minor": gross,
            "fee_minor": self._minor("fee", convention),
            "net_minor": self._minor("net", convention),
            "currency": cells["currency"].lower(),
            "created_s": self._instant_s("created_utc"),
            "available_s": self._instant_s("available_on_utc"),
            "source_id": cells["source_id"] or None,
            "payment_id": cells["payment_intent_id"] or cells["charge_id"] or None,
            "customer_id": cells["customer_id"] or None,
            # In some versions of the report, this amount has no sign; gross has it.
            "shown_minor": None if shown is None else abs(shown) * ((gross > 0) - (gross < 0)),
            "shown_currency": cells["customer_facing_currency"].lower() or None,
            "payout_id": cells["automatic_payout_id"] or None,
            "description": cells["description"] or None,
        }

    def _payment(self, convention: Convention) -> Row:
        cells = self.cells
        amount, fee = self._minor("Converted Amount", convention) or 0, self._minor("Fee", convention)
        return {
            "transaction_id": cells["id"],
            "category": "charge",
            "amount_minor": amount,
            "fee_minor": fee,
            "net_minor": None if fee is None else amount - fee,
            "currency": cells["Converted Currency"].lower(),
            "created_s": self._instant_s("Created date (UTC)"),
            "source_id": cells["id"],
            "payment_id": cells["PaymentIntent ID"] or cells["id"],
            "customer_id": cells["Customer ID"] or None,
            "shown_minor": self._minor("Amount", convention),
            "shown_currency": cells["Currency"].lower(),
            "refunded_minor": self._minor("Amount Refunded", convention),
        }

    def _invoice(self, convention: Convention) -> Row:
        cells = self.cells
        return {
            "invoice_id": cells["id"],
            "number": cells["Number"] or None,
            "customer_id": cells["Customer"] or None,
            "total_minor": self._minor("Total", convention),
            "paid_minor": self._minor("Amount Paid", convention),
            "currency": cells["Currency"].lower(),
            "status": cells["Status"].lower(),
            "created_s": self._instant_s("Date (UTC)"),
        }

    def _took_money(self) -> bool:
        """Spreadsheets write `true` in their own language, so nothing else counts as false."""
        captured = self.cells["Captured"]
        if captured.lower() not in ("true", "false"):
            raise BadInput(f"line {self.line}, column Captured: {captured!r} is neither true nor false.", _AGAIN)
        return captured.lower() == "true" and self.cells["Status"].lower() not in ("failed", "canceled")

    def _need(self, names: tuple[str, ...]) -> None:
        if missing := [name for name in names if not self.cells[name]]:
            raise BadInput(f"line {self.line}: the row has no {', '.join(missing)}.", _AGAIN)

    def _currency(self, column: str) -> str:
        self._need((column,))
        try:
            return _code(self.cells[column])
        except BadInput:
            text = self.cells[column]
            raise BadInput(f"line {self.line}, column {column}: {text!r} is no currency.", _AGAIN) from None

    def _minor(self, column: str, convention: Convention) -> int | None:
        currency = self.cells[EXPORTS[self.kind].amounts[column]]
        return convention.minor(self.cells[column], currency.lower()) if self.cells[column] else None

    def _instant_s(self, column: str) -> int | None:
        text = self.cells[column]
        try:
            return int(read_instant(text).timestamp()) if text else None
        except BadInput as error:
            raise BadInput(f"line {self.line}, column {column}: {text!r} {error.message}", error.next_step) from None


@lru_cache(maxsize=1_000)
def _code(text: str) -> str:
    return currency_code(text)
