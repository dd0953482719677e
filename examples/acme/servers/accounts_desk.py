"""Accounts and tickets in one SQLite file: who may have what reset is decided here, whatever an agent asks for.

Knows nothing of MCP. A reset needs a ticket, and changes accounts of the person whom the ticket was opened for alone.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Literal

from sqlite_file import Database, statements

__all__ = ["Account", "Desk", "DeskRefused", "Kind", "Reset", "Ticket"]

Kind = Literal["unlock", "password", "mfa"]
VALID = timedelta(hours=24)
_HERE = Path(__file__).resolve().parent
_SQL = statements(_HERE / "accounts_queries.sql")


class DeskRefused(Exception):
    """Nothing was changed, for a reason in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account as its owner may know it."""

    id: str
    locked: bool
    failed_logins: int
    password_set: str
    devices: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A request for help. `person` is whom it was opened for, once verified; empty for nobody.

    `fresh` is false where another effect opened it before: somebody else sees to this letter.
    """

    ticket: str
    person: str
    verified: bool
    verified_by: str
    subject: str
    state: str
    fresh: bool = True
    accounts: list[Account] = field(default_factory=list[Account])


@dataclass(frozen=True, kw_only=True)
class Reset:
    """One reset as it was done."""

    reset_id: str
    account: str
    kind: str
    ticket: str
    at: str


def _now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """The desk in one file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _HERE / "accounts_schema.sql")

    def prepare(self) -> bool:
        """Write the example's accounts if there are none."""
        return self._database.prepare()

    # --- tickets ------------------------------------------------------------------------------------------------------

    def open_for_person(self, person: str, verified_by: str, subject: str, effect_id: str | None) -> Ticket:
        """A ticket for somebody who is known to be this person."""
        with self._database.transaction() as db:
            account = db.execute(_SQL["account_of_person"], {"person": person}).fetchone()
            return self._open(db, account, verified_by, subject, effect_id)

    def open_for_letter(
        self, letter: str, address: str, verified_by: str, subject: str, effect_id: str | None
    ) -> Ticket:
        """The one ticket of a letter, for whoever wrote it; `verified_by` is empty where that is not certain."""
        with self._database.transaction() as db:
            account = db.execute(_SQL["account_at"], {"address": address}).fetchone() if verified_by else None
            return self._open(db, account, verified_by, subject, effect_id, letter)

    def ticket(self, code: str) -> Ticket:
        """A ticket, with the accounts of its person."""
        with self._database.opened() as db:
            return _shown(db, _known(db, code))

    def hand_over(self, code: str, note: str, effect_id: str | None) -> Ticket:
        """Leave a ticket to people."""
        with self._database.transaction() as db:
            _known(db, code)
            db.execute(_SQL["hand_over"], {"code": code, "note": note[:2000], "effect_id": effect_id})
            return _shown(db, _known(db, code))

    def queue(self) -> list[Row]:
        """What people have to see to."""
        with self._database.opened() as db:
            return db.execute(_SQL["queue"]).fetchall()

    def _open(
        self,
        db: Connection,
        account: Row | None,
        by: str,
        subject: str,
        effect_id: str | None,
        letter: str | None = None,
    ) -> Ticket:
        if effect_id and (made := db.execute(_SQL["ticket_of_effect"], {"effect_id": effect_id}).fetchone()):
            return _shown(db, made)
        if letter and (made := db.execute(_SQL["ticket_of_letter"], {"letter": letter}).fetchone()):
            return _shown(db, made, fresh=False)
        code = f"T-{secrets.token_hex(8)}"  # not to be guessed: who has it can use it
        values = {
            "code": code,
            "effect_id": effect_id,
            "letter": letter,
            "person": account["person"] if account is not None else None,
            "verified_by": by if account is not None else "",
            "subject": subject[:200],
            "opened_at": _now().isoformat(),
        }
        db.execute(_SQL["open_ticket"], values)
        return _shown(db, _known(db, code))

    # --- resets -------------------------------------------------------------------------------------------------------

    def receive(self, effect_id: str | None, arguments: Mapping[str, object]) -> int:
        """Write down that a reset was asked for, whatever becomes of it."""
        values = {"at": _now().isoformat(), "effect_id": effect_id, "arguments": json.dumps(dict(arguments))}
        with self._database.transaction() as db:
            return int(db.execute(_SQL["receive"], values).fetchone()["id"])

    def close(self, request: int, outcome: str) -> None:
        """Write down what became of it."""
        with self._database.transaction() as db:
            db.execute(_SQL["close_request"], {"request": request, "outcome": outcome})

    def reset(self, effect_id: str | None, code: str, account: str, kind: Kind) -> Reset:
        """Reset something of the account of the ticket's person, once for an effect."""
        if not effect_id:
            raise DeskRefused("A reset needs the id of an effect.")
        with self._database.transaction() as db:
            if made := db.execute(_SQL["reset_of_effect"], {"effect_id": effect_id}).fetchone():
                if (made["ticket"], made["account"], made["kind"]) != (code, account, kind):
                    raise DeskRefused("This effect id already stands for another reset; nothing was reset now.")
                return _reset(made)
            _check(_known(db, code), db.execute(_SQL["account"], {"account": account}).fetchone())
            at = _now().isoformat()
            values = {"effect_id": effect_id, "ticket": code, "account": account, "kind": kind, "at": at}
            row = db.execute(_SQL["reset"], values).fetchone()
            change = {"unlock": "unlock", "password": "new_password", "mfa": "forget_devices"}[kind]
            named = {"account": account, "at": at} if kind == "password" else {"account": account}
            db.execute(_SQL[change], named)
            return _reset(row)

    def found(self, effect_id: str) -> Reset | Ticket | None:
        """What an effect led to here."""
        with self._database.opened() as db:
            if row := db.execute(_SQL["reset_of_effect"], {"effect_id": effect_id}).fetchone():
                return _reset(row)
            for name in ("ticket_of_effect", "ticket_noted_by"):
                if row := db.execute(_SQL[name], {"effect_id": effect_id}).fetchone():
                    return _shown(db, row)
            return None

    def resets(self) -> list[Reset]:
        """Everything that was ever reset."""
        with self._database.opened() as db:
            return [_reset(row) for row in db.execute(_SQL["resets"])]

    def requests(self) -> int:
        """How often a reset was asked for."""
        with self._database.opened() as db:
            return int(db.execute(_SQL["count_requests"]).fetchone()[0])


def _known(db: Connection, code: str) -> Row:
    row = db.execute(_SQL["ticket"], {"code": code}).fetchone()
    if row is None:
        raise DeskRefused("There is no such ticket.")
    return row


def _check(ticket: Row, account: Row | None) -> None:
    """Refuse what nobody may have reset on this ticket."""
    if ticket["person"] is None:
        raise DeskRefused("Nobody was verified for this ticket: nothing is reset on it. Hand it over.")
    if ticket["state"] != "open":
        raise DeskRefused("This ticket is with people; nothing is reset on it any more.")
    if _now() - datetime.fromisoformat(ticket["opened_at"]) > VALID:
        raise DeskRefused("This ticket is older than a day; who asks must be verified again.")
    if account is None or account["person"] != ticket["person"]:
        raise DeskRefused("That account does not belong to the person of this ticket.")
    if account["privileged"]:
        raise DeskRefused("Accounts with special rights are reset by people alone. Hand it over.")


def _shown(db: Connection, row: Row, *, fresh: bool = True) -> Ticket:
    accounts = db.execute(_SQL["account_of_person"], {"person": row["person"]}).fetchall()
    return Ticket(
        ticket=row["code"],
        person=row["person"] or "",
        verified=row["person"] is not None,
        verified_by=row["verified_by"],
        subject=row["subject"],
        state=row["state"],
        fresh=fresh,
        accounts=[
            Account(
                id=one["id"],
                locked=bool(one["locked"]),
                failed_logins=one["failed_logins"],
                password_set=one["password_set"],
                devices=[device["name"] for device in db.execute(_SQL["devices"], {"account": one["id"]})],
            )
            for one in accounts
        ],
    )


def _reset(row: Row) -> Reset:
    return Reset(
        reset_id=f"RST-{row['id']:06d}", account=row["account"], kind=row["kind"], ticket=row["ticket"], at=row["at"]
    )
