"""Invoices that come by mail are paid as those in the folder are; each letter is answered and filed once."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.cli.offices import Shell
from tests.examples.conftest import demo_invoices

PAPER = "2026-11-03_kanzleibedarf-sued_RE-20261103.xml"
SUPPLIER = "Kanzleibedarf <rechnung@kanzleibedarf-sued.example>"


def box(shell: Shell, folder: str = "") -> list[Path]:
    where = shell.folder / "mail" / "invoices" / folder
    found = [path for part in ("new", "cur") if (where / part).is_dir() for path in (where / part).iterdir()]
    return sorted(path for path in found if path.name != ".keep")


def empty(shell: Shell) -> None:
    for path in [*box(shell), *(shell.folder / "invoices").iterdir()]:
        path.unlink()


def receive(shell: Shell, data: bytes, *, sender: str = SUPPLIER, passes: bool = True, name: str = "a.xml") -> Path:
    letter = EmailMessage()
    domain = sender.rpartition("@")[2].rstrip(">")
    letter["Authentication-Results"] = f"mx.acme.example; dmarc={'pass' if passes else 'fail'} header.from={domain}"
    letter["From"], letter["To"], letter["Subject"] = sender, "invoices@acme.example", "Invoice"
    letter["Message-ID"] = f"<{len(box(shell))}@{domain}>"
    letter.set_content("See attached.")
    letter.add_attachment(data, maintype="application", subtype="xml", filename=name)
    path = shell.folder / "mail" / "invoices" / "new" / f"17000002{len(box(shell)):02d}.T.mx"
    path.write_bytes(letter.as_bytes())
    return path


def decide(shell: Shell) -> None:
    """Lin approves every payment, wei returns every exception, and a worker goes on."""
    for item in shell.inbox():
        if item["kind"] == "approval":
            shell("approve", item["id"], "--as", "lin")
        else:
            shell("answer", item["id"], "return to supplier", "--as", "wei")
    shell("worker", "--until-idle")


def run(shell: Shell) -> Any:
    started = shell.run("payables", "Process the mail.", "--as", "wei")
    decide(shell)
    return shell("show", started["id"], "--json").json


def answers(shell: Shell) -> list[str]:
    return [path.read_text("utf-8") for path in box(shell, ".Outbox")]


def payments(found: Any) -> list[str]:
    return [e["args"]["amount"] for e in found["effects"] if e["tool"] == "bank.pay" and e["state"] == "done"]


def test_the_mailbox_of_the_example_is_worked_off(shell: Shell):
    found = run(shell)
    assert found["answer"].splitlines()[0] == "6 invoices: 3 paid (EUR 66,912.17), 1 rejected, 2 returned to supplier."
    assert sorted(payments(found)) == ["1360.17", "18450.00", "47102.00"]
    assert "our mail server does not vouch that faktura@nordwind-logistik.example sent it" in found["answer"]
    assert (len(box(shell)), len(box(shell, ".Processed")), len(box(shell, ".For people"))) == (0, 5, 2)
    told = answers(shell)
    assert len(told) == 4
    thread = next(text for text in told if "officine-lombarde" in text)
    assert "In-Reply-To: <4.202611@officine-lombarde.example>" in thread
    assert "<3.202611@officine-lombarde.example>" in thread
    assert any("we have it already" in text for text in told)
    assert not any("nordwind" in text or "DK5000400440116243" in text for text in told)
    again = run(shell)
    assert "Letters" not in again["answer"]
    assert payments(again) == []
    assert len(answers(shell)) == 4


def test_a_letter_that_nobody_vouches_for_is_never_paid_and_never_answered(shell: Shell):
    empty(shell)
    receive(shell, demo_invoices()[PAPER], passes=False)
    found = run(shell)
    assert payments(found) == []
    assert "returned to supplier" in found["answer"]
    assert answers(shell) == []


def test_a_supplier_who_writes_from_another_address_is_paid_as_the_books_say_and_not_answered(shell: Shell):
    empty(shell)
    receive(shell, demo_invoices()[PAPER], sender="Kanzlei <me@elsewhere.example>")
    found = run(shell)
    assert payments(found) == ["1360.17"]
    assert answers(shell) == []


def test_the_same_invoice_by_mail_and_in_the_folder_is_paid_once(shell: Shell):
    empty(shell)
    receive(shell, demo_invoices()[PAPER])
    receive(shell, demo_invoices()[PAPER], name="other.xml")
    (shell.folder / "invoices" / "copy.xml").write_bytes(demo_invoices()[PAPER])
    found = run(shell)
    assert payments(found) == ["1360.17"]
    assert found["answer"].splitlines()[0].startswith("3 invoices: 1 paid (EUR 1,360.17), 2 rejected")


def test_a_letter_is_answered_by_one_run_only(shell: Shell):
    empty(shell)
    path = receive(shell, demo_invoices()[PAPER])
    first = shell.run("payables", "Process the mail.", "--as", "wei")
    second = shell.run("payables", "Process the mail.", "--as", "wei")  # while the first waits for lin
    assert second["answer"] == "No invoices."
    decide(shell)
    assert payments(shell("show", first["id"], "--json").json) == ["1360.17"]
    assert len(answers(shell)) == 1
    assert path.name in str(box(shell, ".Processed"))


def test_an_attachment_that_is_hostile_or_no_invoice_is_rejected_and_the_letter_filed(shell: Shell):
    empty(shell)
    receive(shell, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    receive(shell, b"\xff\xfe\x00nonsense")
    found = run(shell)
    assert found["answer"].startswith("2 invoices: 2 rejected.")
    assert len(box(shell, ".Processed")) == 2
    assert answers(shell) == []


def test_without_a_mailbox_the_folder_is_worked_off_all_the_same(shell: Shell):
    empty(shell)
    (shell.folder / "invoices" / "a.xml").write_bytes(demo_invoices()[PAPER])
    for part in ("new", "cur", "tmp"):
        for path in (shell.folder / "mail" / "invoices" / part).iterdir():
            path.unlink()
        (shell.folder / "mail" / "invoices" / part).rmdir()
    found = run(shell)
    assert payments(found) == ["1360.17"]
    assert "The mailbox could not be read" in found["answer"]
