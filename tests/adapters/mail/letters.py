"""Letters for tests: as suppliers, strangers and attackers write them."""

from email.message import EmailMessage
from email.policy import SMTP
from itertools import count
from pathlib import Path

__all__ = ["AUTHSERV", "put", "written"]

AUTHSERV = "mx.acme.example"
_numbers = count(1)


def written(
    *,
    sender: str = "Supplier <billing@supplier.example>",
    to: str = "agents@acme.example",
    subject: str = "Invoice 7",
    text: str = "Please find the invoice attached.",
    headers: dict[str, str] | None = None,
    vouched: str = "",
    message_id: str = "",
    attachments: tuple[tuple[str, str, bytes], ...] = (),
    html: str = "",
) -> bytes:
    """A letter; `vouched` is the domain that the receiving server found to have sent it."""
    letter = EmailMessage(policy=SMTP)
    if vouched:
        letter["Authentication-Results"] = f"{AUTHSERV}; dmarc=pass (p=reject) header.from={vouched}"
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter["Date"] = "Mon, 02 Nov 2026 10:00:00 +0100"
    letter["Message-ID"] = message_id or f"<{next(_numbers)}@supplier.example>"
    for name, value in (headers or {}).items():
        letter[name] = value
    letter.set_content(text)
    if html:
        letter.add_alternative(html, subtype="html")
    for name, kind, content in attachments:
        main, _, sub = kind.partition("/")
        letter.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return letter.as_bytes()


def put(maildir: Path, raw: bytes, name: str = "", folder: str = "", info: str = "") -> str:
    """Deliver a letter as a mail server would: written aside, then renamed. Returns its name."""
    where = maildir / f".{folder}" if folder else maildir
    for part in ("tmp", "new", "cur"):
        (where / part).mkdir(parents=True, exist_ok=True)
    name = name or f"17000000{next(_numbers):02d}.M1P2.mx"
    (where / "tmp" / name).write_bytes(raw)
    place = where / "cur" / f"{name}:2,{info}" if info else where / "new" / name
    (where / "tmp" / name).rename(place)
    return name
