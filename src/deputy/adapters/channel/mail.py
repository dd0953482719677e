"""Mail as a channel: a notice is a letter, and whoever answers that letter answers the notice.

The Message-ID of the letter holds key and token, so that a reply brings them back; a record beside the letter keeps it
from going out twice.
"""

import re
from collections.abc import AsyncGenerator

from deputy.adapters.wire.mail.box import MailboxRefused, MailboxUnreachable
from deputy.adapters.wire.mail.sending import Accepted, Cut, NotTaken, Post
from deputy.adapters.wire.mail.writing import Draft, envelope_of
from deputy.base.clock import Clock
from deputy.ports.channel import Heard, Notice
from deputy.ports.mailbox import Letter, Mailbox, effect_named_by, notice_named_by

__all__ = ["MailChannel", "own_words"]

_DEADLINE = 120.0
_LONGEST = 4_000  # characters of an answer
_QUOTED = re.compile(
    r">|-{2,} ?(original|forwarded)|_{10,}$|begin forwarded|(from|von|de|\u53d1\u4ef6\u4eba)\s*[:\uff1a]\s"
    r"|.{0,200}(wrote|schrieb|a \u00e9crit|\u5199\u9053).{0,100}[:\uff1a]$|-- ?$",
    re.IGNORECASE,
)  # how mail programs begin what is answered, and where a signature begins


class MailChannel:
    """Sends notices from an address, and listens to its mailbox."""

    def __init__(self, mailbox: Mailbox, post: Post, *, address: str, name: str, clock: Clock) -> None:
        self._mailbox, self._post, self._address, self._name, self._clock = mailbox, post, address, name, clock
        self._domain = address.rpartition("@")[2].lower()

    async def tell(self, notice: Notice) -> bool:
        """Send the letter of a notice, unless it was or may have been sent."""
        draft = Draft(
            sender=self._address, name=self._name, to=[notice.address], subject=notice.subject, text=notice.text
        )
        letter = envelope_of(draft, f"{notice.key}.t{notice.token}", self._clock.now())
        match await self._post.send(letter, lambda: True, _DEADLINE):
            case Accepted() | Cut():  # one that may have gone out is not sent again: the inbox has it, too
                return True
            case NotTaken(code, why, retry):
                raise (MailboxUnreachable if retry else MailboxRefused)(f"{code}: {why}".rstrip("."))

    async def position(self) -> str:
        """The cursor after everything that arrived so far."""
        return await self._mailbox.position()

    async def answers(self, since: str) -> AsyncGenerator[Heard]:
        """Every letter that arrives; one that no person wrote says nothing."""
        async for arrival in self._mailbox.arrivals(since):
            letter = arrival.letter
            key, token = self._answered(letter)
            back = letter.bounce if letter.bounce is not None and letter.bounce.action == "failed" else None
            yield Heard(
                id=arrival.id, cursor=arrival.cursor, key=key, token=token, sender=letter.sender,
                words=own_words(letter.text) if back is None else back.why[:_LONGEST],
                effect="" if back is None else effect_named_by(back.message_id, self._domain),
            )  # fmt: skip

    async def close(self) -> None:
        """Let go of the mailbox."""
        await self._mailbox.close()
        await self._post.close()

    def _answered(self, letter: Letter) -> tuple[str, str]:
        """Which notice a letter answers: the one it names directly, and no other."""
        if letter.automatic or letter.bounce is not None:
            return "", ""
        key, token, domain = notice_named_by(letter.in_reply_to or next(iter(letter.references[-1:]), ""))
        return (key, token) if domain == self._domain else ("", "")


def own_words(text: str) -> str:
    """What somebody wrote above what they answer."""
    kept: list[str] = []
    for line in text[: _LONGEST * 4].splitlines():
        if _QUOTED.match(line.strip()):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()[:_LONGEST]
