"""Names and hours that change between two exports: customers, companies and meters, and when rows occurred."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from support.usage import Connection

from campaign.usage import DAY, EVENT_NAMES, Scene

_HOURS_A_DAY = 24
_ALL_ROWS_OF = "update billing_usage_events set company_id = %s where company_id = %s"


class Names:
    """Changes the names of a scene by dice of its own, so that one seed makes the same changes."""

    def __init__(self, scene: Scene, dice: random.Random) -> None:
        self._scene, self._dice = scene, dice
        self._made = 0
        # The customers that each company has had, the latest last.
        self._former: defaultdict[str, list[str]] = defaultdict(list)

    def change(self) -> str:
        """One change; returns its name."""
        changes: dict[str, Callable[[Connection], bool]] = {
            "company got another customer": self._re_key,
            "company got a former customer back": self._re_key_back,
            "company renamed": self._rename_company,
            "companies merged": self._merge,
            "company split": self._split,
            "customer shared": self._share,
            "meter renamed": self._rename_meter,
            "hour moved": self._move_hour,
            "hours of a company moved": self._move_company,
            "customer id lost": self._lose,
            "customer id given back": self._give_back,
            "company deleted": self._delete,
        }
        with self._scene.sql() as sql, sql.transaction():
            # A change that is not possible now leaves its turn to another.
            return next(name for name in self._dice.sample(list(changes), len(changes)) if changes[name](sql))

    def settle(self) -> None:
        """Every row can be routed again: companies have customers, and deleted ones came back or were merged."""
        with self._scene.sql() as sql, sql.transaction():
            while self._give_back(sql):
                pass
            deleted = _texts(
                sql,
                "select distinct u.company_id from billing_usage_events u left join billing_companies c using (company_id) "
                "where c.company_id is null order by 1",
            )
            for company in deleted:
                if self._dice.random() < 0.4:
                    sql.execute(_ALL_ROWS_OF, (self._dice.choice(_companies(sql)), company))
                else:
                    former = self._former[company]
                    self._add(sql, company, former[-1] if self._dice.random() < 0.5 else self._any_customer())

    def _re_key(self, sql: Connection) -> bool:
        self._set_customer(sql, self._dice.choice(_companies(sql)), self._any_customer())
        return True

    def _re_key_back(self, sql: Connection) -> bool:
        customers = _customers(sql)
        candidates = [
            (company, former)
            for company in _companies(sql)
            for former in self._former[company]
            if former != customers.get(company)
        ]
        if candidates:
            self._set_customer(sql, *self._dice.choice(candidates))
        return bool(candidates)

    def _rename_company(self, sql: Connection) -> bool:
        old, new = self._dice.choice(_companies(sql)), self._new("co")
        sql.execute("update billing_companies set company_id = %s where company_id = %s", (new, old))
        sql.execute(_ALL_ROWS_OF, (new, old))
        self._former[new] = self._former.pop(old, [])
        return True

    def _merge(self, sql: Connection) -> bool:
        companies = _companies(sql)
        if len(companies) < 2:
            return False
        gone, kept = self._dice.sample(companies, 2)
        sql.execute(_ALL_ROWS_OF, (kept, gone))
        if self._dice.random() < 0.5:
            self._remove(sql, gone)
        return True

    def _split(self, sql: Connection) -> bool:
        """Some rows, or all of an hour and later, go to another company, which may be new."""
        companies = _companies(sql)
        company = self._dice.choice(companies)
        rows = sql.execute(
            "select usage_event_id, occurred_at from billing_usage_events where company_id = %s order by usage_event_id",
            (company,),
        ).fetchall()
        others = [other for other in companies if other != company]
        if others and self._dice.random() < 0.5:
            other = self._dice.choice(others)
        else:
            other = self._new("co")
            self._add(sql, other, self._any_customer())
        if self._dice.random() < 0.5:
            chosen = [number for number, _ in rows if self._dice.random() < 0.5]
        else:
            since = DAY + timedelta(hours=self._dice.randrange(_HOURS_A_DAY))
            chosen = [number for number, moment in rows if moment >= since]
        sql.execute("update billing_usage_events set company_id = %s where usage_event_id = any(%s)", (other, chosen))
        return True

    def _share(self, sql: Connection) -> bool:
        customers = _customers(sql)
        pairs = [(a, b) for a in _companies(sql) for b in customers if customers.get(a) != customers[b]]
        if pairs:
            company, other = self._dice.choice(pairs)
            self._set_customer(sql, company, customers[other])
        return bool(pairs)

    def _rename_meter(self, sql: Connection) -> bool:
        """With its mapping in billing.toml; sometimes back to the event name, which needs none."""
        event_name = self._dice.choice(EVENT_NAMES)
        old = self._scene.meters[event_name]
        back = old != event_name and self._dice.random() < 0.5
        self._scene.meters[event_name] = event_name if back else self._new(event_name)
        self._scene.configure()
        sql.execute(
            "update billing_usage_events set meter = %s where meter = %s", (self._scene.meters[event_name], old)
        )
        return True

    def _move_hour(self, sql: Connection) -> bool:
        hours = sql.execute("select distinct date_trunc('hour', occurred_at) from billing_usage_events order by 1")
        return self._move(sql, self._dice.choice([hour for (hour,) in hours.fetchall()]), timedelta(hours=1), None)

    def _move_company(self, sql: Connection) -> bool:
        companies = _texts(sql, "select distinct company_id from billing_usage_events order by 1")
        return self._move(sql, DAY, timedelta(days=1), self._dice.choice(companies))

    def _move(self, sql: Connection, since: datetime, length: timedelta, company: str | None) -> bool:
        """By whole hours, inside the day; the rows of all companies if it is None."""
        chosen = "where occurred_at >= %s and occurred_at < %s and company_id = coalesce(%s, company_id)"
        about = (since, since + length, company)
        ((first, last),) = sql.execute(
            f"select min(occurred_at), max(occurred_at) from billing_usage_events {chosen}", about
        ).fetchall()
        earliest, latest = -((first - DAY) // timedelta(hours=1)), _HOURS_A_DAY - 1 - (last - DAY) // timedelta(hours=1)
        by = [hours for hours in range(earliest, latest + 1) if hours]
        if by:
            hours = self._dice.choice(by)
            sql.execute(
                "update billing_usage_events set occurred_at = occurred_at + make_interval(hours => %s) " + chosen,
                (hours, *about),
            )
        return bool(by)

    def _lose(self, sql: Connection) -> bool:
        having = list(_customers(sql))
        if having:
            self._set_customer(sql, self._dice.choice(having), None)
        return bool(having)

    def _give_back(self, sql: Connection) -> bool:
        having = _customers(sql)
        without = [company for company in _companies(sql) if company not in having]
        if without:
            company = self._dice.choice(without)
            self._set_customer(sql, company, self._former[company][-1])
        return bool(without)

    def _delete(self, sql: Connection) -> bool:
        companies = _companies(sql)
        if len(companies) > 1:
            self._remove(sql, self._dice.choice(companies))
        return len(companies) > 1

    def _set_customer(self, sql: Connection, company: str, customer: str | None) -> None:
        self._keep_customer(sql, company)
        sql.execute("update billing_companies set stripe_customer_id = %s where company_id = %s", (customer, company))

    def _remove(self, sql: Connection, company: str) -> None:
        self._keep_customer(sql, company)
        sql.execute("delete from billing_companies where company_id = %s", (company,))

    def _keep_customer(self, sql: Connection, company: str) -> None:
        customer = _customers(sql).get(company)
        if customer is not None:
            self._former[company] = [*(former for former in self._former[company] if former != customer), customer]

    def _add(self, sql: Connection, company: str, customer: str) -> None:
        sql.execute(
            "insert into billing_companies (company_id, name, stripe_customer_id) values (%s, %s, %s)",
            (company, f"Company {company}", customer),
        )

    def _any_customer(self) -> str:
        return self._dice.choice(self._scene.customers)

    def _new(self, stem: str) -> str:
        self._made += 1
        return f"{stem}_new_{self._made}"


def _companies(sql: Connection) -> list[str]:
    return _texts(sql, "select company_id from billing_companies order by 1")


def _customers(sql: Connection) -> dict[str, str]:
    """By company, of those that have one."""
    rows = sql.execute(
        "select company_id, stripe_customer_id from billing_companies where stripe_customer_id is not null order by 1"
    )
    return dict(rows.fetchall())


def _texts(sql: Connection, query: str) -> list[str]:
    return [text for (text,) in sql.execute(query).fetchall()]
