"""A real IMAP server on loopback: Dovecot, started for one test session; and a line to it that can be cut."""

import asyncio
import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from tests.adapters.mail.certificates import Authority

__all__ = [
    "ANOTHER", "DOVECOT", "EXPIRED", "GOOD", "PASSWORD", "UNKNOWN", "Dovecot", "Line", "cut_line", "dovecot_in"
]  # fmt: skip

DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
PASSWORD = "sesame"
#: addresses of the server, by what its certificate is there
GOOD, EXPIRED, ANOTHER, UNKNOWN = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
MISSING = "Dovecot is not here: mail on IMAP servers is NOT tested. Install dovecot-imapd (`make test` does, as root)."


class Dovecot:
    """A server with an account for every name; letters lie in `root/NAME/mail`.

    It has several addresses, and is somebody else at each: only what `ca` signed is to be believed.
    """

    def __init__(self, root: Path, port: int, tls_port: int, ca: Path) -> None:
        self.root, self.port, self.tls_port, self.ca = root, port, tls_port, ca

    def log(self) -> str:
        """What it has noted: every try to sign in, and every line that ended."""
        return (self.root / "log").read_text()

    def maildir(self, user: str) -> Path:
        return self.root / "homes" / user / "mail"

    def deliver(self, user: str, raw: bytes, name: str) -> None:
        """Put a letter into an account's inbox, as a local delivery agent does."""
        inbox = self.maildir(user)
        owner = pwd.getpwuid(_mail_uid())
        for part in ("tmp", "new", "cur"):
            if not (inbox / part).exists():
                (inbox / part).mkdir(parents=True)
                for folder in (inbox / part, inbox, inbox.parent):
                    os.chown(folder, owner.pw_uid, owner.pw_gid)
        (inbox / "tmp" / name).write_bytes(raw)
        os.chown(inbox / "tmp" / name, owner.pw_uid, owner.pw_gid)
        (inbox / "tmp" / name).rename(inbox / "new" / name)


def _mail_uid() -> int:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()


CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
auth_debug = yes
listen = {hosts}
ssl = yes
{certificates}
disable_plaintext_auth = no
mail_location = maildir:~/mail
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 1000
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
mail_fsync = never
auth_failure_delay = 0
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/homes/%n
}}
namespace inbox {{
  inbox = yes
  separator = .
}}
"""


@contextmanager
def dovecot_in(root: Path) -> Generator[Dovecot]:
    """The server, until the end; skips, and says so, where there is none."""
    if DOVECOT is None:
        pytest.skip(MISSING)
    with socket.socket() as probe, socket.socket() as other:
        probe.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, tls_port = probe.getsockname()[1], other.getsockname()[1]
    believed, unknown = Authority(root, "believed"), Authority(root, "unknown")
    files = {
        GOOD: believed.signs(GOOD), EXPIRED: believed.signs(EXPIRED, expired=True),
        ANOTHER: believed.signs("mail.other.example"), UNKNOWN: unknown.signs(UNKNOWN),
    }  # fmt: skip
    own = f"ssl_cert = <{files[GOOD]}\nssl_key = <{files[GOOD]}"
    others = [f"local {host} {{\n  ssl_cert = <{file}\n  ssl_key = <{file}\n}}" for host, file in files.items()]
    owner = pwd.getpwuid(_mail_uid())
    as_root = os.geteuid() == 0
    me, mine = getpass.getuser(), grp.getgrgid(os.getegid()).gr_name
    login, internal, group = ("dovenull", "dovecot", "dovecot") if as_root else (me, me, mine)
    text = CONFIG.format(
        root=root, port=port, password=PASSWORD, uid=owner.pw_uid, gid=owner.pw_gid, login=login, internal=internal,
        group=group, hosts=", ".join(files), tls_port=tls_port, certificates="\n".join([own, *others[1:]]),
    )  # fmt: skip
    (root / "dovecot.conf").write_text(text)
    homes = root / "homes"
    homes.mkdir()
    os.chown(homes, owner.pw_uid, owner.pw_gid)
    with open(root / "stderr", "wb") as said:
        process = subprocess.Popen([DOVECOT, "-F", "-c", str(root / "dovecot.conf")], stdout=said, stderr=said)
    try:
        _wait_for(port, process, root)
        yield Dovecot(root, port, tls_port, believed.file)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", root: Path) -> None:
    for _ in range(400):
        assert process.poll() is None, (root / "stderr").read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as line:
                if line.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            time.sleep(0.05)
    log = root / "log"
    raise AssertionError(log.read_text() if log.exists() else "it does not answer")


class Line:
    """A line to a server that can be cut, or fall silent, at will."""

    def __init__(self) -> None:
        self.port = 0
        self.silent = False  #: what the server says is kept back
        self.opened = 0
        self.refuse = False
        self._pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.said = asyncio.Event()  #: a client has sent something with `hold_word` or `watched` in it
        self.watched = b""
        self.hold_word = b""  #: nothing with this in it gets through
        self.instead: dict[bytes, bytes] = {}  #: what the server says is changed on the way
        self.lost = b""  #: when the server says this, the line breaks before it is heard
        self.heard = b""  #: what clients have said

    def cut(self) -> None:
        """Break every connection."""
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()
        self._pairs.clear()


@asynccontextmanager
async def cut_line(port: int) -> AsyncGenerator[Line]:
    """A proxy in front of a port."""
    line = Line()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        try:
            while data := await reader.read(65_536):
                if from_server and line.lost and line.lost in data:
                    break
                if from_server:
                    for said, instead in line.instead.items():
                        data = data.replace(said, instead)
                else:
                    line.heard += data
                    if line.watched and line.watched in data:
                        line.said.set()
                if not from_server and line.hold_word and line.hold_word in data:
                    line.said.set()
                    await asyncio.sleep(60)
                if not (from_server and line.silent):
                    writer.write(data)
                    await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line.opened += 1
        if line.refuse:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        line._pairs.append((writer, far_writer))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        await asyncio.wait(
            [
                asyncio.create_task(pump(reader, far_writer, from_server=False)),
                asyncio.create_task(pump(far_reader, writer, from_server=True)),
            ]
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()
        await asyncio.sleep(0.01)
