"""Bring what waits in the inbox to people outside, and their answers back as if they had given them here.

An answer counts where the receiving server vouched for the sender, the sender has the address of the very person who
was told, and the token fits the item as it was shown. Then it is what that person's command would be: the same rights,
the same inbox row, used once. One process of a workspace does this at a time.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from deputy.app import commands, queries
from deputy.app.bootstrap import Office
from deputy.app.failures import account_of, failures, told_once
from deputy.app.returned import bring_back
from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError, UsageError
from deputy.base.ids import new_run_id
from deputy.domain.principal import Person
from deputy.kernel.approval import Asked, shown
from deputy.ports.channel import Channel, Heard, Notice
from deputy.ports.store import Item

__all__ = ["Correspondence", "corresponding"]

KINDS = ("approval", "question", "budget", "in_doubt")  #: what can be answered from outside
LOOK = 2.0  #: seconds between looks at the inbox where nothing told us to
BURST = 0.2  #: seconds in which changes count as one
RECENT = timedelta(hours=24)  #: how old a failure may be of which people are told
SETTLED = {"happened": True, "did not happen": False, "not-happened": False, "not happened": False}
AGAIN = 30.0  #: seconds after which we try again where the channel cannot be had
LONGEST = 6_000  #: characters of a notice's arguments; what is longer cannot be judged by mail


class Correspondence:
    """Tells people what waits for them, and hears them; `home` keeps its key and how far it has listened."""

    def __init__(self, office: Office, channel: Channel, home: Path) -> None:
        self._office, self._channel, self._home = office, channel, home
        self._told: set[tuple[str, str]] = set()
        self._failures: set[str] = set()

    async def tell(self) -> None:
        """Tell everybody who was not told yet what waits for them."""
        waiting: set[tuple[str, str]] = set()
        for item, asked in await queries.inbox(self._office):
            for person in map(self._office.settings.directory.people.get, asked.people):
                if asked.kind not in KINDS or person is None or not person.email:
                    continue
                waiting.add((item.id, person.id))
                told = (item.id, person.id) in self._told
                if not told and await self._channel.tell(self._notice(item, asked, person)):
                    self._told.add((item.id, person.id))
        self._told &= waiting
        await self._tell_failures()

    async def listen(self) -> None:
        """Hear what people answer, for ever."""
        file = self._home / "channel.cursor"
        if not file.exists():
            self._keep(await self._channel.position())
        async for heard in self._channel.answers(file.read_text("utf-8")):
            if heard.key:
                await self.take(heard)
            elif heard.effect:
                await self._came_back(heard)
            self._keep(heard.cursor)

    async def take(self, heard: Heard) -> str:
        """Take one answer, if it is one; says what became of it."""
        item = await self._office.store.item(heard.key)
        if item is None:
            return "nothing waits for it any more"
        asked = shown(item)
        people = self._office.settings.directory.people.values()
        person = next((p for p in people if p.email and p.email.casefold() == heard.sender.address.casefold()), None)
        if person is None or not heard.sender.authenticated:
            self._office.notices(f"An answer to {item.id} by mail was not taken: it is not certain who wrote it.")
            return "it is not certain who wrote it"
        if not hmac.compare_digest(heard.token, self._token(item, asked, person)):
            self._office.notices(f"An answer to {item.id} by mail was not taken: it was not {person.id} who was asked.")
            return "it answers what somebody else was asked, or what has changed"
        try:
            await self._answer(item, asked, person, heard)
        except UsageError as exc:
            await self._refuse(heard, person, f"{exc.message} {exc.remedy}".strip())
            return exc.message
        return ""

    # -- inside

    async def _answer(self, item: Item, asked: Asked, person: Person, heard: Heard) -> None:
        via = f"mail, {heard.sender.how}"
        if asked.kind == "question":
            if not heard.words:
                raise UsageError("Your letter has no answer above the quoted text.", "Write it on the first line.")
            await commands.answer(self._office, item.id, person, heard.words, via=via)
            return
        first = next(iter(heard.words.splitlines()), "").strip()
        if asked.kind == "in_doubt":
            happened = SETTLED.get(" ".join(first.casefold().rstrip(".!").split()))
            if happened is None or len(self._shown(asked)) > LONGEST:
                remedy = "Write `happened` or `did not happen`, alone on the first line; or run `deputy settle`."
                raise UsageError("Your answer was not understood; nothing was changed.", remedy)
            await commands.settle(self._office, item.id, person, happened=happened, via=via)
            return
        word, _, rest = first.partition(" ")
        if word.casefold().rstrip(".!") == "approve" and not rest.strip() and len(self._shown(asked)) <= LONGEST:
            await commands.approve(self._office, item.id, person, via=via)
        elif word.casefold().rstrip(":") == "deny" and rest.strip():
            await commands.deny(self._office, item.id, person, rest.strip(), via=via)
        else:
            raise UsageError(
                "Your answer was not understood; nothing was changed.",
                "Write `approve`, or `deny` and the reason, alone on the first line.",
            )

    async def _refuse(self, heard: Heard, person: Person, why: str) -> None:
        notice = Notice(
            key=f"answer.{heard.id}", token=heard.token, address=person.email, subject="Your answer was not taken",
            text=f"{why}\n",
        )  # fmt: skip
        with contextlib.suppress(DeputyError):
            await self._channel.tell(notice)

    async def _came_back(self, heard: Heard) -> None:
        """Tell the run that sent it, if it lives, and its agent's owner, once, that a letter did not arrive."""
        returned = await bring_back(self._office.store, self._office.clock, heard.effect, heard.words)
        if returned is None:
            return
        row = returned.row
        said = _line(f"A letter of {row.agent} came back, {heard.words}")
        self._office.notices(said)
        deployed = self._office.settings.agents.get(row.agent)
        people = self._office.settings.directory.people
        owner = people.get(deployed.agent.owner if deployed is not None else row.on_behalf_of)
        if owner is None or not owner.email:
            return
        token = hmac.new(self._key(), canonical([heard.effect, owner.id]), hashlib.sha256).hexdigest()[:32]
        lives = "The run goes on, and was told." if returned.told else f"The run is {row.state} already."
        text = (
            f"{said}\n\nSo says a report of delivery, which anybody could have written.\n"
            f"Effect: {heard.effect}\n{lives}\n"
        )
        notice = Notice(
            key=f"bounce.{heard.effect}", token=token, address=owner.email, text=text,
            subject=f"A letter of {row.agent} came back",
        )  # fmt: skip
        with contextlib.suppress(DeputyError):
            await self._channel.tell(notice)

    async def _tell_failures(self) -> None:
        """Tell owners of work that failed and that nobody watched, once."""
        found = await failures(self._office, self._office.clock.now() - RECENT)
        for failure in found:
            key = hashlib.sha256(told_once(failure)).hexdigest()[:32]
            deployed = self._office.settings.agents.get(failure.run.agent)
            people = self._office.settings.directory.people
            owner = people.get(deployed.agent.owner if deployed is not None else failure.run.on_behalf_of)
            if key in self._failures or owner is None or not owner.email:
                continue
            own, before = account_of(await queries.opened(self._office, failure.run.id))
            token = hmac.new(self._key(), canonical([key, owner.id]), hashlib.sha256).hexdigest()[:32]
            text = f"{_line(failure.sentence)}\n{before}\n\nSee it: deputy show {failure.run.id}\n"
            text += f"Do it again: deputy trigger again {failure.run.id}\n"
            notice = Notice(
                key=f"failed.{key}", token=token, address=owner.email, text=text,
                subject=f"{failure.run.agent} did not finish: {_line(failure.occasion.title)}"[:200],
            )  # fmt: skip
            if own or await self._channel.tell(notice):
                self._failures.add(key)
        self._failures &= {hashlib.sha256(told_once(failure)).hexdigest()[:32] for failure in found}

    def _notice(self, item: Item, asked: Asked, person: Person) -> Notice:
        about = self._shown(asked)
        how = {
            "question": "Reply to this letter with your answer above the quoted text.",
            "approval": "Reply `approve`, or `deny` and the reason, alone on the first line.",
            "in_doubt": "Look there first: your word cannot be taken back. Then reply `happened` or `did not happen`,"
            " alone on the first line.",
            "budget": "Reply `approve`, or `deny` and the reason, alone on the first line.",
        }[asked.kind]
        if len(about) > LONGEST:
            about, how = f"{about[:LONGEST]}…", "This is too long to be judged by mail. "
        effect = f"Effect: {asked.effect}" if asked.kind == "in_doubt" else ""
        lines = [asked.question, effect, about, f"Why: {asked.why}" if asked.why else "", f"For: {asked.on_behalf_of}"]
        lines += [f"Not certain: {o.argument}, which may come from {o.source}" for o in asked.untrusted[:20]]
        lines += [f"Until: {item.expires.isoformat(timespec='minutes')}" if item.expires else "", "", how]
        lines += [f"Or run `deputy inbox`; its id is {item.id}.", "Only your own reply counts, from this address."]
        subject = f"{asked.agent} asks: {asked.question}"
        return Notice(
            key=item.id, token=self._token(item, asked, person), address=person.email,
            subject=_line(subject)[:200], text="\n".join(_visible(line) for line in lines),
        )  # fmt: skip

    def _shown(self, asked: Asked) -> str:
        if asked.kind == "question":
            return "\n".join(f"- {option}" for option in asked.options)
        return (
            f"{asked.tool}\n{json.dumps(asked.args, ensure_ascii=False, indent=2)}" if asked.tool else str(asked.args)
        )

    def _token(self, item: Item, asked: Asked, person: Person) -> str:
        """What only a letter to this person about this very item holds."""
        bound = canonical([item.id, asked.digest or hashlib.sha256(item.body).hexdigest(), person.id, person.email])
        return hmac.new(self._key(), bound, hashlib.sha256).hexdigest()[:32]

    def _key(self) -> bytes:
        file = self._home / "channel.key"
        if not file.exists():
            drawn = hashlib.sha256("".join(new_run_id() for _ in range(16)).encode()).hexdigest()
            self._write(file, drawn)
        return bytes.fromhex(file.read_text("ascii"))

    def _keep(self, cursor: str) -> None:
        self._write(self._home / "channel.cursor", cursor)

    def _write(self, file: Path, text: str) -> None:
        new = file.with_suffix(".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(new, file)


@contextlib.asynccontextmanager
async def corresponding(office: Office, channel_of: Callable[[], Channel | None]) -> AsyncGenerator[None]:
    """Correspond while something else is done; a channel that fails is tried again, and ends nothing."""
    channel = channel_of()
    if channel is None:
        yield
        return
    task = asyncio.create_task(_alone(office, channel), name="correspondence")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await channel.close()


async def _alone(office: Office, channel: Channel) -> None:
    """Correspond as soon as no other process of this workspace does."""
    home = office.settings.folder / ".deputy" / "mail"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(home / "channel.lock", "a") as lock:  # noqa: ASYNC230 - it is empty
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await office.clock.sleep(LOOK)
        correspondence = Correspondence(office, channel, home)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_again(office, correspondence.listen, lambda: office.clock.sleep(AGAIN)))
            tasks.create_task(_telling(office, correspondence))


async def _telling(office: Office, correspondence: Correspondence) -> None:
    """Tell soon after something changed, and now and then."""
    changed = asyncio.Event()

    async def pause() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await changed.wait()
        await office.clock.sleep(BURST)
        changed.clear()

    unwatch = office.store.watch(changed.set)
    try:
        await _again(office, correspondence.tell, pause)
    finally:
        unwatch()


async def _again(office: Office, work: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
            await pause()
        except DeputyError as exc:
            office.notices(f"Mail to people: {exc.message}. {exc.remedy}".strip())
            await office.clock.sleep(AGAIN)


def _line(text: str) -> str:
    return " ".join(_visible(text).split())


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
