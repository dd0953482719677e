"""Perform the `mail.*` tools of one mailbox."""

import asyncio
import base64
import mimetypes
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, assert_never

import msgspec

from deputy.adapters.tool.mail import arguments as given
from deputy.adapters.tool.mail.showing import shown_letter, shown_listing
from deputy.adapters.tool.mail.specs import MOST_FOUND, READ_TOGETHER, specs_of
from deputy.adapters.underway import UnderWay
from deputy.adapters.wire.mail.addresses import AddressRefused, same_address, without_hidden
from deputy.adapters.wire.mail.box import Box, MailboxRefused, MailboxUnreachable, Query
from deputy.adapters.wire.mail.reading import Reader, content_of
from deputy.adapters.wire.mail.sending import Accepted, Cut, NotTaken, Post
from deputy.adapters.wire.mail.writing import Draft, Enclosure, envelope_of, message_id
from deputy.base.clock import Clock
from deputy.base.ids import split_effect_id
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.ports.mailbox import Letter

__all__ = ["MailTools", "Shelf", "Writer"]

_MOST_REFERENCES = 20


class Shelf(Protocol):
    """A run's own files."""

    async def keep(self, intent: Intent, path: str, content: bytes) -> Result:
        """Write a file, once for an effect."""
        ...

    async def content(self, intent: Intent, path: str, version: int) -> bytes | Failed:
        """One version of a file."""
        ...


class Writer(NamedTuple):
    """As whom letters are sent, and how."""

    address: str
    name: str
    post: Post
    check: Callable[[], Awaitable[str]] | None = None  #: says what is wrong with the way out, or nothing


class MailTools:
    """The host of the tools `prefix.…` of a mailbox; without a writer it only reads."""

    def __init__(
        self, prefix: str, box: Box, reader: Reader, *, clock: Clock, shelf: Shelf, writer: Writer | None = None
    ) -> None:
        self._prefix, self._box, self._reader = prefix, box, reader
        self._clock, self._shelf, self._writer = clock, shelf, writer
        self._open = UnderWay()
        self.problems: tuple[str, ...] = ()  #: every tool is offered

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools there are; asks nobody."""
        return specs_of(self._prefix, sends=self._writer is not None)

    async def invoke(self, intent: Intent) -> Result:
        """Perform what an intent asks for."""
        request = intent.request
        if not isinstance(request, ToolRequest):
            return Failed("unknown_tool", "There is no such tool.")
        prefix, _, name = request.spec.name.rpartition(".")
        form = given.FORMS.get(name) if prefix == self._prefix else None
        if form is None:
            return Failed("unknown_tool", f"The mailbox {self._prefix!r} has no such tool.")
        try:
            wanted = msgspec.convert(dict(request.args), form)
        except msgspec.ValidationError as exc:
            return Failed("invalid_arguments", f"{exc}.")
        return await self._open.run(intent.key, self._guarded(intent, wanted), request.spec.name)

    async def quiesce(self, key: str) -> None:
        """Return once nothing is under way for this effect, ending it if need be."""
        await self._open.quiesce(key)

    async def close(self) -> None:
        """End what is under way, and let go of the mailbox."""
        await self._open.close()
        await self._box.close()
        if self._writer is not None:
            await self._writer.post.close()

    async def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """What is wrong with the mailbox and the way out of it; raises DeputyError where it cannot be reached."""
        await self._box.search("INBOX", Query(), 1)
        if not self._reader.authserv_id:
            message = "No `authserv_id` is configured, so no sender is ever certain, and nobody can be answered"
            yield message, "Find it in the `Authentication-Results` of a letter that you got."
        if self._writer is not None and self._writer.check is not None and (said := await self._writer.check()):
            yield said, "Letters cannot be sent until this is mended."

    # -- inside

    async def _guarded(self, intent: Intent, wanted: given.Arguments) -> Result:
        try:
            if isinstance(wanted, given.Send | given.Reply):
                return await self._perform(intent, wanted)  # which keeps its deadline itself
            async with asyncio.timeout(intent.deadline):
                return await self._perform(intent, wanted)
        except (AddressRefused, ValueError) as exc:
            return Failed("invalid_arguments", str(exc))
        except MailboxUnreachable as exc:
            message = f"{exc.message}."
            if isinstance(wanted, given.Mark | given.Move):
                return Unknown(message)  # safe to repeat, and perhaps done
            return Failed(exc.code, message, retry=True)
        except MailboxRefused as exc:
            return Failed(exc.code, f"{exc.message}. {exc.remedy}".strip())
        except TimeoutError:
            message = f"The mailbox did not answer within {intent.deadline:g} s."
            return Unknown(message) if isinstance(wanted, given.Mark | given.Move) else Failed("deadline", message)

    async def _perform(self, intent: Intent, wanted: given.Arguments) -> Result:
        match wanted:
            case given.Find():
                return await self._find(wanted)
            case given.Read():
                return await self._read(wanted)
            case given.Part():
                return await self._part(wanted)
            case given.Save():
                return await self._save(intent, wanted)
            case given.Folders():
                return Done({"folders": list(await self._box.folders())})
            case given.Mark(letter, read, flagged):
                done = await self._box.mark(letter, seen=read, flagged=flagged)
                return Done({"id": letter}) if done else _no_letter(letter)
            case given.Move(letter, folder):
                moved = await self._box.move(letter, folder)
                return Done({"id": moved}) if moved else _no_letter(letter)
            case given.Send():
                return await self._send(intent, wanted)
            case given.Reply():
                return await self._reply(intent, wanted)
            case given.Sent(effect_id):
                return await self._sent(effect_id)
            case _ as unreachable:
                assert_never(unreachable)

    # -- reading

    async def _find(self, wanted: given.Find) -> Result:
        thread: tuple[str, ...] = ()
        if wanted.thread:
            whole = await self._box.fetch(wanted.thread)
            if whole is None:
                return _no_letter(wanted.thread)
            first = self._reader.summary(whole.listing.head, whole.listing.size)
            thread = tuple(name for name in (first.message_id, first.in_reply_to, *first.references) if name)
            if not thread:
                return Done({"letters": [shown_listing(whole.listing, first)], "more": False})
        query = Query(
            wanted.sender, wanted.subject, wanted.text, given.moment(wanted.since), given.moment(wanted.before),
            wanted.unread, thread,
        )  # fmt: skip
        page = await self._box.search(wanted.folder, query, min(max(wanted.most, 1), MOST_FOUND))
        letters = [shown_listing(one, self._reader.summary(one.head, one.size)) for one in page.letters]
        return Done({"letters": letters, "more": page.more})

    async def _read(self, wanted: given.Read) -> Result:
        whole = await self._box.fetch(wanted.letter)
        if whole is None:
            return _no_letter(wanted.letter)
        letter = await asyncio.to_thread(self._reader.letter, whole.raw, whole.listing.size)
        return Done(shown_letter(whole.listing, letter, self._reader.domain))

    async def _attached(self, place: str, attachment: str) -> tuple[dict[str, object], bytes] | Failed:
        whole = await self._box.fetch(place)
        if whole is None:
            return _no_letter(place)
        if len(whole.raw) < whole.listing.size:
            return Failed("too_large", f"The letter has {whole.listing.size} bytes; its attachments cannot be read.")
        found = await asyncio.to_thread(content_of, whole.raw, attachment)
        if found is None:
            return Failed("not_found", f"The letter has no attachment `{attachment}`; read lists their ids.")
        return msgspec.structs.asdict(found[0]), found[1]

    async def _part(self, wanted: given.Part) -> Result:
        found = await self._attached(wanted.letter, wanted.attachment)
        if isinstance(found, Failed):
            return found
        about, content = found
        if len(content) > READ_TOGETHER:
            return Failed(
                "too_large",
                f"The attachment has {len(content)} bytes, and at most {READ_TOGETHER} are returned. Save it as a file"
                f" with {self._prefix}.save_attachment.",
            )
        text = None
        if wanted.encoding != "base64":
            try:
                text = content.decode()
            except UnicodeDecodeError:
                if wanted.encoding == "utf-8":
                    return Failed("not_text", "The attachment is not text; read it as base64.")
        body = base64.b64encode(content).decode() if text is None else text
        return Done({**about, "encoding": "base64" if text is None else "utf-8", "content": body})

    async def _save(self, intent: Intent, wanted: given.Save) -> Result:
        found = await self._attached(wanted.letter, wanted.attachment)
        return found if isinstance(found, Failed) else await self._shelf.keep(intent, wanted.path, found[1])

    # -- writing

    async def _send(self, intent: Intent, wanted: given.Send) -> Result:
        answered = None
        if wanted.letter:
            answered = await self._summary(wanted.letter)
            if isinstance(answered, Failed):
                return answered
        return await self._hand_in(intent, wanted, answered, "auto-generated")

    async def _reply(self, intent: Intent, wanted: given.Reply) -> Result:
        letter = await self._summary(wanted.letter)
        if isinstance(letter, Failed):
            return letter
        if letter.automatic or letter.bounce is not None:
            return Failed("automatic", f"No person wrote this letter ({letter.automatic or 'a report of delivery'}).")
        if not letter.sender.authenticated:
            message = f"It is not certain who wrote this letter: {letter.sender.how}."
            return Failed("unauthenticated", f"{message} Use {self._prefix}.send, and name the recipient.")
        if not same_address(wanted.to, letter.sender.address):
            return Failed("not_the_sender", "`to` is not the letter's sender; only the sender is answered.")
        subject = without_hidden(letter.subject)[:800]
        if not subject.casefold().startswith("re:"):
            subject = f"Re: {subject}".strip()
        sent = given.Send(to=[wanted.to], subject=subject, text=wanted.text, attachments=wanted.attachments)
        return await self._hand_in(intent, sent, letter, "auto-replied")

    async def _summary(self, place: str) -> Letter | Failed:
        whole = await self._box.fetch(place)
        if whole is None:
            return _no_letter(place)
        return await asyncio.to_thread(self._reader.letter, whole.raw, whole.listing.size)

    async def _hand_in(self, intent: Intent, wanted: given.Send, answered: Letter | None, kind: str) -> Result:
        if self._writer is None:
            return Failed("unknown_tool", "This mailbox has no way to send.")
        enclosures: list[Enclosure] = []
        for file in wanted.attachments:
            content = await self._shelf.content(intent, file.path, file.version)
            if isinstance(content, Failed):
                return content
            name = file.path.rpartition("/")[2]
            enclosures.append(Enclosure(name, content, mimetypes.guess_type(name)[0] or "application/octet-stream"))
        references: tuple[str, ...] = ()
        if answered is not None:
            references = (*answered.references, answered.message_id)
        if len(references) > _MOST_REFERENCES:
            references = (*references[:1], *references[1 - _MOST_REFERENCES :])
        draft = Draft(
            sender=self._writer.address, name=self._writer.name, to=wanted.to, cc=wanted.cc, bcc=wanted.bcc,
            subject=wanted.subject, text=wanted.text, enclosures=enclosures,
            in_reply_to=answered.message_id if answered is not None else "",
            references=tuple(name for name in references if name), automatic=kind,
        )  # fmt: skip
        letter = envelope_of(draft, intent.key, self._clock.now())
        permitted = lambda: self._clock.boot() < intent.dispatch_by  # noqa: E731 - it is asked at the last moment
        match await self._writer.post.send(letter, permitted, intent.deadline):
            case Accepted(said):
                return Done({"message_id": letter.message_id, "recipients": len(letter.recipients), "said": said})
            case NotTaken(code, why, retry):
                return Failed(NOT_SENT if code == "not_sent" else code, why, retry=retry)
            case Cut(why):
                return Unknown(why)
            case _ as unreachable:
                assert_never(unreachable)

    async def _sent(self, effect: str) -> Result:
        if self._writer is None or split_effect_id(effect) is None:
            return Failed("invalid_arguments", "`effect_id` is no effect's id.")
        name = message_id(effect, self._writer.address)
        match await self._writer.post.standing(name):
            case "sent":
                return Done({"found": True, "message_id": name})
            case "absent":
                return Done({"found": False})
            case "begun":
                return Failed("in_doubt", "The letter may have gone out: it was cut off when its end was sent.")


def _no_letter(place: str) -> Failed:
    return Failed("not_found", f"There is no letter `{without_hidden(place)[:200]}`; search gives their ids.")
