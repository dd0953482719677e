"""Letters that come into the example's mailboxes while `deputy up` serves it: nobody starts anything by hand."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.examples.conftest import demo_invoices
from tests.web.served import PATIENCE, Server

PAPER = "2026-11-03_kanzleibedarf-sued_RE-20261103.xml"
SUPPLIER = "Kanzleibedarf <rechnung@kanzleibedarf-sued.example>"


def deliver(box: Path, name: str, sender: str, subject: str, text: str, invoice: bytes = b"") -> None:
    """As a mail server does: written aside, then renamed."""
    letter = EmailMessage()
    domain = sender.rpartition("@")[2].rstrip(">")
    letter["Authentication-Results"] = f"mx.acme.example; dmarc=pass header.from={domain}"
    letter["From"], letter["To"], letter["Subject"] = sender, f"{box.name}@acme.example", subject
    letter["Message-ID"] = f"<{name}@{domain}>"
    letter.set_content(text)
    if invoice:
        letter.add_attachment(invoice, maintype="application", subtype="xml", filename="invoice.xml")
    (box / "tmp" / f"{name}.M1.mx").write_bytes(letter.as_bytes())
    (box / "tmp" / f"{name}.M1.mx").rename(box / "new" / f"{name}.M1.mx")


def counted(folder: Path, server: str, word: str, database: str) -> Any:
    """What the far side says that it was asked to do."""
    environment = {"PATH": os.environ["PATH"], database: str(folder / f"{server}.db")}
    command = [sys.executable, f"servers/{server}.py", word, "--json"]
    found = subprocess.run(command, cwd=folder, capture_output=True, check=True, env=environment)
    return json.loads(found.stdout)


def until(met: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := met()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)
    return found


def looks(server: Server) -> tuple[str | None, ...]:
    """When each mailbox was looked at last."""
    return tuple(trigger["looked"] for trigger in server.deputy("triggers") if trigger["kind"] == "mail")


def outbox(box: Path) -> list[str]:
    return [path.read_text("utf-8") for path in sorted((box / ".Outbox" / "new").glob("*"))]


def test_letters_that_come_are_paid_once_after_approval_and_answered_in_their_thread(acme: Path):
    invoices, helpdesk = acme / "mail" / "invoices", acme / "mail" / "helpdesk"
    for path in [*(invoices / "new").glob("*.mx"), *(helpdesk / "new").glob("*.mx"), *(acme / "invoices").iterdir()]:
        path.unlink()
    for agent, source in (("payables", "default"), ("servicedesk", "support")):
        file = acme / "agents" / agent / "AGENT.md"
        text = file.read_text("utf-8")
        assert f"- mail: {source}\n" in text
        file.write_text(text.replace(f"- mail: {source}\n", f"- mail: {{mailbox: {source}, every: 1s}}\n"), "utf-8")
    server = Server(acme)
    try:
        # A new trigger begins with what comes after its second look: the first only says that it is there.
        first = until(lambda: found if len(found := looks(server)) == 2 and None not in found else ())
        until(lambda: all(now > before for now, before in zip(looks(server), first, strict=True)))
        deliver(invoices, "1700000901", SUPPLIER, "Invoice", "See attached.", demo_invoices()[PAPER])
        (approval,) = until(lambda: [item for item in server.deputy("inbox") if item["kind"] == "approval"])
        assert (approval["tool"], approval["args"]["amount"]) == ("bank.pay", "1360.17")
        deliver(invoices, "1700000902", SUPPLIER, "Invoice, once more", "In case.", demo_invoices()[PAPER])
        deliver(helpdesk, "1700000903", "Kim Osei <kim@acme.example>", "Locked out", "My account is locked.")
        (reset,) = until(lambda: [item for item in server.deputy("inbox") if item["tool"] == "accounts.reset_access"])
        assert counted(acme, "accounts", "--status", "ACCOUNTS_DB")["resets"] == []
        server.deputy("approve", approval["id"], "--as", "lin")
        server.deputy("approve", reset["id"], "--as", "jonas")
        (reply,) = until(lambda: outbox(helpdesk))
        assert "In-Reply-To: <1700000903@acme.example>" in reply and "X-Envelope-To: kim@acme.example" in reply
        told = until(lambda: found if len(found := outbox(invoices)) == 2 else [])
        assert any("In-Reply-To: <1700000901@kanzleibedarf-sued.example>" in text for text in told)
        assert any("we have it already" in text for text in told)
        until(lambda: all(run["state"] == "done" for run in server.deputy("ps", "--all")))
        begun = {server.deputy("show", run["id"])["events"][0]["trigger"] for run in server.deputy("ps", "--all")}
        assert "mail" in begun
    finally:
        if server.process.poll() is None:
            server.kill()
    statement = counted(acme, "bank", "--statement", "BANK_DB")
    assert [(payment["amount"], payment["reference"]) for payment in statement["payments"]] == [
        ("1360.17", "RE-20261103")
    ]
    assert [(r["account"], r["kind"]) for r in counted(acme, "accounts", "--status", "ACCOUNTS_DB")["resets"]] == [
        ("kim.osei", "unlock")
    ]
    assert statement["requests"] == 1
    assert server.deputy("audit", "verify")["ok"]
