import asyncio
import datetime
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.adapters.model.server import Answer, Server, refusal, serving

from deputy.adapters.egress import (
    Egress,
    EgressError,
    EgressRefused,
    Interrupted,
    ResponseTooLarge,
    Timeouts,
    Unreachable,
    dispatching,
    origin,
)
from deputy.base.errors import ConfigError

T = TypeVar("T")
PAGE = Answer(headers={"Content-Type": "text/plain", "X-Kind": "page"}, pieces=[b"Hello, ", b"world."])


def visiting(*answers: Answer, do: Callable[[Egress, Server], Awaitable[T]], limit: int = 1_000_000) -> T:
    """What comes of a visit to a server that gives these answers."""

    async def scenario() -> T:
        async with serving(*answers) as server:
            out = Egress([server.url], limit=limit, timeouts=Timeouts(read=0.5))
            try:
                return await do(out, server)
            finally:
                await out.close()

    return asyncio.run(scenario())


def test_a_request_brings_back_status_headers_and_body():
    async def visit(out: Egress, server: Server) -> None:
        answer = await out.request("POST", server.url, headers={"X-Ask": "1"}, content=b"body")
        assert (answer.status, answer.headers["x-kind"], answer.body) == (200, "page", b"Hello, world.")
        (request,) = server.received
        assert (request.method, request.headers["x-ask"], request.body) == ("POST", "1", b"body")

    visiting(PAGE, do=visit)


def test_an_answer_can_be_read_as_it_arrives():
    async def visit(out: Egress, server: Server) -> list[bytes]:
        async with out.stream("GET", server.url) as response:
            return [part async for part in response.aiter_raw()]

    assert visiting(PAGE, do=visit) == [b"Hello, ", b"world."]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",  # another port
        "http://localhost:{port}/",  # another name for the same machine
        "https://127.0.0.1:{port}/",  # another scheme
        "http://127.0.0.1:{port}@evil.example/",
        "http://evil.example/127.0.0.1:{port}",
        "http://127.0.0.1.evil.example:{port}/",
        "http://[::1]:{port}/",
        "ftp://127.0.0.1:{port}/",
    ],
)
def test_only_what_is_on_the_list_is_reached(url: str):
    async def visit(out: Egress, server: Server) -> None:
        there = url.format(port=server.port)
        assert not out.allows(there)
        with pytest.raises(EgressRefused, match="is not an address this workspace may reach") as caught:
            await out.request("GET", there)
        assert "deputy.toml" in caught.value.remedy
        with pytest.raises(EgressRefused):
            await out.client().get(there)  # what libraries use is under the same rule
        assert not server.received

    visiting(PAGE, do=visit)


def test_a_redirect_is_handed_back_and_not_followed():
    async def visit(out: Egress, server: Server) -> None:
        assert (await out.request("GET", server.url)).status == 302
        with pytest.raises(EgressRefused):  # not even for a library that insists
            await out.client().get(server.url, follow_redirects=True)
        assert len(server.received) == 2

    visiting(refusal(302, "", Location="http://127.0.0.1:1/elsewhere"), do=visit)


@pytest.mark.parametrize("limit", [12, 0])
def test_an_answer_longer_than_the_limit_is_not_taken(limit: int):
    async def ask_for_less(out: Egress, server: Server) -> None:
        assert len((await out.request("GET", server.url, limit=13)).body) == 13
        with pytest.raises(ResponseTooLarge):
            await out.request("GET", server.url, limit=limit)

    async def library(out: Egress, server: Server) -> None:
        with pytest.raises(ResponseTooLarge):
            await out.client().get(server.url)

    visiting(PAGE, do=ask_for_less)
    visiting(PAGE, do=library, limit=limit)


def test_an_error_longer_than_the_limit_is_cut_off():
    async def visit(out: Egress, server: Server) -> None:
        answer = await out.request("GET", server.url)
        assert (answer.status, len(answer.body)) == (500, 64_000)

    visiting(Answer(status=500, pieces=[b"x" * 1000] * 100), do=visit)


def test_a_compressed_answer_is_refused_because_its_size_is_unknown():
    async def visit(out: Egress, server: Server) -> None:
        with pytest.raises(EgressError, match="answers compressed"):
            await out.request("GET", server.url)
        assert server.received[0].headers["accept-encoding"] == "identity"

    visiting(Answer(headers={"Content-Encoding": "gzip"}, pieces=[b"\x1f\x8b"]), do=visit)


@pytest.mark.parametrize("answer", [Answer(silent=True), Answer(pieces=[b"x"], ending="cut"), Answer(ending="hang")])
def test_a_line_that_breaks_after_sending_is_interrupted(answer: Answer):
    async def visit(out: Egress, server: Server) -> None:
        with dispatching() as dispatch, pytest.raises(Interrupted):
            await out.request("GET", server.url)
        assert dispatch.begun

    visiting(answer, do=visit)


def test_what_was_never_sent_is_unreachable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"

        async def visit() -> None:
            out = Egress([url])
            with pytest.raises(Unreachable, match="cannot be reached: Connection refused"):
                await out.request("GET", url)
            with dispatching() as dispatch, pytest.raises(httpx2.ConnectError):
                await out.client().get(url)
            assert not dispatch.begun
            await out.close()

        asyncio.run(visit())


def test_requests_of_a_library_are_watched():
    async def visit(out: Egress, server: Server) -> None:
        with dispatching() as dispatch:
            await out.client().get(server.url)
        assert dispatch.begun

    visiting(PAGE, do=visit)


def test_it_may_be_closed_twice_and_used_again():
    async def visit(out: Egress, server: Server) -> None:
        for _ in range(2):
            assert (await out.request("GET", server.url)).status == 200
            await out.close()
            await out.close()

    visiting(PAGE, do=visit)


@pytest.mark.parametrize(
    ("address", "spelled"),
    [
        ("https://API.example.com/v1", "https://api.example.com:443"),
        ("api.example.com", "https://api.example.com:443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example:443"),
    ],
)
def test_an_origin_has_one_spelling(address: str, spelled: str):
    assert origin(address) == spelled
    assert Egress([address]).allows(spelled)


@pytest.mark.parametrize(
    "address", ["", "http://", "ftp://x", "http://x:99999", "http://a b", "http://u:p@x", "https://u@x", "http://..x"]
)
def test_what_is_no_origin_is_refused_when_it_is_configured(address: str):
    with pytest.raises(ConfigError):
        Egress([address])


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    serial, end = x509.random_serial_number(), begin.replace(year=2099)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, begin, end)
    (folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_nobody_vouches_for_is_refused_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    async def visit() -> None:
        seen: list[bytes] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.read(1))
            writer.close()

        listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        out = Egress([url])
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await out.request("GET", url)
        await out.close()
        listening.close()
        assert seen in ([], [b""])

    asyncio.run(visit())


def test_it_is_cheap_to_import():
    code = "import sys, deputy.adapters.egress, deputy.adapters.model.openai_chat as o; print([*sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"httpx2", "openai", "jinja2"} & {name.strip("[]' \n") for name in loaded.split(",")}
