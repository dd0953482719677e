"""Who wrote a letter is what the configured server found out, and nothing that a writer can put into the letter."""

import pytest
from tests.adapters.mail.letters import AUTHSERV

from deputy.adapters.wire.mail.reading import Reader
from deputy.ports.mailbox import Sender

READER = Reader(authserv_id=AUTHSERV, domain="acme.example")


def _sender(*results: str, sender: str = "wei@acme.example", reader: Reader = READER) -> Sender:
    head = "".join(f"Authentication-Results: {result}\r\n" for result in results)
    return reader.letter(f"{head}From: {sender}\r\n\r\nhello".encode()).sender


@pytest.mark.parametrize(
    "result",
    [
        f"{AUTHSERV}; dmarc=pass header.from=acme.example",
        f"{AUTHSERV}; spf=fail smtp.mailfrom=x@y; dmarc=pass (p=REJECT sp=NONE) header.from=acme.example",
        f"{AUTHSERV} 1; dkim=pass header.d=acme.example header.s=k1 header.b=abc",
        f"{AUTHSERV.upper()}; dkim=pass (2048-bit key; unprotected) header.d=acme.example header.i=@acme.example",
        f"{AUTHSERV}; dkim=pass header.i=@acme.example; dmarc=none header.from=acme.example",
        f"{AUTHSERV};\r\n\tdkim=pass\r\n\theader.d=acme.example",
    ],
)  # fmt: skip
def test_a_sender_is_authenticated_by_a_pass_for_their_domain(result: str) -> None:
    found = _sender(result)
    assert found.authenticated, found.how
    assert AUTHSERV in found.how


@pytest.mark.parametrize(
    "results",
    [
        (),
        ("mx.evil.example; dmarc=pass header.from=acme.example",),
        (f"mx.evil.example; x=y; {AUTHSERV}; dmarc=pass header.from=acme.example",),
        (f"{AUTHSERV}.evil.example; dmarc=pass header.from=acme.example",),
        (f"{AUTHSERV} 2; dmarc=pass header.from=acme.example",),
        (f"{AUTHSERV}; none",),
        (f"{AUTHSERV}; dmarc=fail header.from=acme.example",),
        (f"{AUTHSERV}; dmarc=pass header.from=evil.example",),
        (f"{AUTHSERV}; dmarc=pass header.from=acme.example.evil.example",),
        (f"{AUTHSERV}; dkim=pass header.d=evil.example",),
        (f"{AUTHSERV}; dkim=pass header.d=example",),
        (f"{AUTHSERV}; dkim=pass header.d=evil.example header.i=@acme.example",),
        (f"{AUTHSERV}; dkim=pass header.d=evil.example header.d=acme.example",),
        (f"{AUTHSERV}; dkim=fail header.d=acme.example",),
        (f"{AUTHSERV}; spf=pass smtp.mailfrom=wei@acme.example",),
        (f'{AUTHSERV}; dkim=fail reason="; dkim=pass header.d=acme.example"',),
        (f'{AUTHSERV}; dkim=pass smtp.mailfrom="x header.d=acme.example"@evil.example header.s=x',),
        (f"{AUTHSERV}; dkim=fail (; dmarc=pass header.from=acme.example)",),
        (f"{AUTHSERV}; dkim=fail (\\); dmarc=pass header.from=acme.example)",),
        (f"(x) ({AUTHSERV}; dmarc=pass header.from=acme.example",),
        (f"{AUTHSERV}; dmarc=fail header.from=acme.example", f"{AUTHSERV}; dmarc=pass header.from=acme.example"),
        (f"{AUTHSERV}; dmarc=pass header.from=acme.example", f"{AUTHSERV}; dmarc=fail header.from=acme.example"),
        (f"{AUTHSERV}; x=y {'z' * 9_000}; dmarc=pass header.from=acme.example",),
    ],
)  # fmt: skip
def test_nothing_else_makes_a_sender_certain(results: tuple[str, ...]) -> None:
    found = _sender(*results)
    assert not found.authenticated
    assert found.how


def test_without_a_configured_server_nobody_is_certain() -> None:
    said = f"{AUTHSERV}; dmarc=pass header.from=acme.example"
    assert not _sender(said, reader=Reader()).authenticated


def test_an_address_in_the_name_is_not_the_sender() -> None:
    said = f"{AUTHSERV}; dmarc=pass header.from=evil.example"
    found = _sender(said, sender='"wei@acme.example" <x@evil.example>')
    assert (found.address, found.authenticated) == ("x@evil.example", True)


def test_an_encoded_word_cannot_smuggle_an_address() -> None:
    said = f"{AUTHSERV}; dmarc=pass header.from=acme.example"
    found = _sender(said, sender="=?utf-8?q?wei=40acme=2Eexample=3E=2C_x?= <x@evil.example>")
    assert (found.address, found.authenticated) == ("x@evil.example", False)
