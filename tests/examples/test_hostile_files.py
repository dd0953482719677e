"""Files that are made to harm are refused: in little memory, in little time, with one sentence and a stable code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.examples.conftest import ACME
from tests.examples.ubl_builder import Bill, Row
from tools import folder as folder_module
from tools.folder import MAX_BYTES
from tools.invoices import list_invoices, read_invoice
from tools.strict_xml import MAX_DEPTH, MAX_ELEMENTS

GOOD = Bill(rows=[Row(quantity="2", price="10.00")]).xml()
LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "hahahahahahahaha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(10))
    + b"]><l>&k;</l>"
)
HOSTILE = {
    "billion laughs": (LAUGHS, "dtd"),
    "billion laughs in UTF-16": (LAUGHS.decode().encode("utf-16"), "dtd"),
    "quadratic blow-up": (
        b'<!DOCTYPE l [<!ENTITY a "' + b"x" * 50_000 + b'">]><l>' + b"&a;" * 50_000 + b"</l>",
        "dtd",
    ),
    "a file of this machine": (b'<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]><l>&f;</l>', "dtd"),
    "a document type elsewhere": (b'<!DOCTYPE l SYSTEM "http://127.0.0.1:1/l.dtd"><l/>', "dtd"),
    "a parameter entity": (b'<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]><l/>', "dtd"),
    "an entity nobody declared": (b"<l>&gotcha;</l>", "not-xml"),
    "deep nesting": (b"<a>" * 200_000, "too-deep"),
    "many elements": (b"<a>" + b"<b/>" * (MAX_ELEMENTS + 1) + b"</a>", "too-many-elements"),
    "many attributes": (b"<a " + b" ".join(b'a%d=""' % n for n in range(80_000)) + b"/>", "tag-too-big"),
    "a tag of megabytes": (b'<a b="' + b"x" * 5_000_000 + b'"/>', "tag-too-big"),
    "a name of megabytes": (b"<" + b"a" * 5_000_000 + b"/>", "tag-too-big"),
    "a comment of megabytes": (b"<a><!--" + b"x" * 5_000_000 + b"--></a>", "tag-too-big"),
    "broken UTF-8": (GOOD.replace("Süd".encode(), b"S\xfcd"), "not-xml"),
    "UTF-16 that calls itself UTF-8": (GOOD.decode().encode("utf-16"), "not-xml"),
    "UTF-8 that calls itself UTF-16": (GOOD.replace(b"UTF-8", b"UTF-16"), "not-xml"),
    "UTF-32": (GOOD.decode().replace("UTF-8", "UTF-32").encode("utf-32"), "not-xml"),
    "UTF-7": (GOOD.replace(b"UTF-8", b"UTF-7"), "encoding"),
    "an encoding nobody knows": (GOOD.replace(b"UTF-8", b"EVIL-1"), "encoding"),
    "a zero byte": (GOOD.replace(b"RE-2026", b"RE-\x002026"), "not-xml"),
    "a file cut short": (GOOD[: len(GOOD) // 2], "not-xml"),
    "a second root": (GOOD + b"<a/>", "not-xml"),
    "only a comment": (b"<!-- nothing -->", "not-xml"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "not-xml"),
    "spaces": (b"   \n", "not-xml"),
    "nothing": (b"", "empty"),
}


def refused(name: str) -> dict[str, str]:
    answer = read_invoice(name)
    assert answer["invoice"] is None
    assert answer["refused"] is not None
    assert "\n" not in answer["refused"]["why"]
    assert answer["refused"]["why"].endswith(".")
    return answer["refused"]


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_document_is_refused(attack: str, folder: Path):
    data, code = HOSTILE[attack]
    (folder / "x.xml").write_bytes(data)
    assert refused("x.xml")["code"] == code


def test_depth_and_elements_within_the_limits_are_read(folder: Path):
    (folder / "deep.xml").write_bytes(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)
    (folder / "wide.xml").write_bytes(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>")
    assert refused("deep.xml")["code"] == "not-an-invoice"
    assert refused("wide.xml")["code"] == "not-an-invoice"


def test_nothing_is_fetched_from_elsewhere(folder: Path):
    inclusion = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/hostname" parse="text"/>'
    (folder / "x.xml").write_bytes(GOOD.replace(b"RE-20261103</cbc:ID>", f"RE-1{inclusion}</cbc:ID>".encode(), 1))
    assert read_invoice("x.xml")["invoice"]["number"] == "RE-1"


# --- files and folders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret.xml", "/etc/passwd", "a/b.xml", "..", ".", "", "a\0b", "x" * 300])
def test_a_name_never_leads_out_of_the_folder(name: str, folder: Path):
    (folder.parent / "secret.xml").write_bytes(GOOD)
    assert refused(name)["code"] == "name"


def test_a_link_is_not_followed(folder: Path):
    (folder.parent / "secret.xml").write_bytes(GOOD)
    (folder / "link.xml").symlink_to(folder.parent / "secret.xml")
    assert refused("link.xml")["code"] == "not-a-file"


def test_a_folder_is_no_file(folder: Path):
    (folder / "x.xml").mkdir()
    assert refused("x.xml")["code"] == "not-a-file"


def test_a_pipe_does_not_block(folder: Path):
    os.mkfifo(folder / "pipe.xml")
    assert refused("pipe.xml")["code"] == "not-a-file"


def test_a_device_is_not_read(folder: Path):
    (folder / "zero.xml").symlink_to("/dev/zero")
    assert refused("zero.xml")["code"] == "not-a-file"


def test_a_missing_file_is_named(folder: Path):
    assert refused("gone.xml") == {"code": "missing", "why": "There is no file 'gone.xml' in this folder."}


def test_a_hundred_megabytes_are_refused_before_they_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    with (folder / "big.xml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)

    def read(_: int, most: int) -> bytes:
        pytest.fail(f"{most} bytes were to be read")

    monkeypatch.setattr(folder_module.os, "read", read)
    assert refused("big.xml")["code"] == "too-big"


def test_a_file_that_grows_while_it_is_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "growing.xml").write_bytes(b"<a>")
    total = 0

    def read(_: int, most: int) -> bytes:
        nonlocal total
        total += most
        return b"x" * most

    monkeypatch.setattr(folder_module.os, "read", read)
    assert refused("growing.xml")["code"] == "too-big"
    assert total == MAX_BYTES + 1


def test_the_largest_file_allowed_is_read(folder: Path):
    (folder / "x.xml").write_bytes(GOOD + b"\n" * (MAX_BYTES - len(GOOD)))
    assert read_invoice("x.xml")["invoice"]["number"] == "RE-20261103"
    (folder / "x.xml").write_bytes(GOOD + b"\n" * (MAX_BYTES + 1 - len(GOOD)))
    assert refused("x.xml")["code"] == "too-big"


def test_the_list_shows_everything_that_lies_in_the_folder(folder: Path):
    (folder / "b.xml").write_bytes(b"<b/>")
    (folder / "a.pdf").write_bytes(b"%PDF")
    (folder / ".hidden").write_bytes(b"x")
    (folder / "link.xml").symlink_to("b.xml")
    with (folder / "z.xml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    listed = {entry["name"]: (entry["size"], entry["sha256"] is not None) for entry in list_invoices()}
    assert list(listed) == ["a.pdf", "b.xml", "link.xml", "z.xml"]
    assert listed == {"a.pdf": (4, True), "b.xml": (4, True), "link.xml": (0, False), "z.xml": (MAX_BYTES + 1, False)}


def test_a_name_that_is_no_unicode_is_listed_and_refused(folder: Path):
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.xml"))).write_bytes(GOOD)
    name = list_invoices()[0]["name"]
    json.dumps(name).encode()
    assert refused(name)["code"] == "missing"


@pytest.mark.parametrize("path", ["..", "/etc", "invoices/..", "", "link", "missing"])
def test_no_other_folder_is_listed(path: str, folder: Path):
    (folder.parent / "link").symlink_to("/etc")
    with pytest.raises(folder_module.Refused) as caught:
        list_invoices(path)
    assert caught.value.code in ("name", "folder")


def test_a_folder_of_too_many_files_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_module, "MAX_FILES", 3)
    for n in range(4):
        (folder / f"{n}.xml").write_bytes(b"x")
    with pytest.raises(folder_module.Refused) as caught:
        list_invoices()
    assert caught.value.code == "too-many-files"


# --- memory -------------------------------------------------------------------------------------------------------

READER = """
import json, resource, sys
sys.path.insert(0, {acme!r})
from pathlib import Path
from tools import invoices
invoices.WORKSPACE = Path({root!r})
invoices.read_invoice("small.xml")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
codes = {{}}
for path in sorted(Path({root!r}, "invoices").iterdir()):
    refused = invoices.read_invoice(path.name)["refused"]
    codes[path.name] = refused["code"] if refused else None
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(json.dumps({{"codes": codes, "grown": grown}}))
"""


def worst_documents() -> dict[str, bytes]:
    """As large as files may be, each shaped to cost as much as possible."""
    room = MAX_BYTES - 100
    return {
        "amp.xml": b"<a>" + b"&amp;" * (room // 5) + b"</a>",
        "attributes.xml": b"<a " + b" ".join(b'a%07d=""' % n for n in range(room // 12)) + b"/>",
        "comments.xml": b"<a>" + b"<!---->" * (room // 7) + b"</a>",
        "deep.xml": b"<a>" * (room // 3),
        "elements.xml": b"<a>" + b"<b/>" * (room // 4) + b"</a>",
        "filled.xml": b"<a>" + b"<b>%s</b>" % (b"x" * 98) * min(MAX_ELEMENTS - 1, room // 105) + b"</a>",
        "laughs.xml": LAUGHS,
        "names.xml": b"<a>" + b"".join(b"<b%d c=''/>" % n for n in range(MAX_ELEMENTS - 1)) + b"</a>",
        "namespaces.xml": b"<a " + b" ".join(b'xmlns:a%07d="u%07d"' % (n, n) for n in range(room // 26)) + b"/>",
        "newlines.xml": b"<a>" + b"\n" * room + b"</a>",
        "small.xml": GOOD,
        "text.xml": b"<a>" + b"x" * room + b"</a>",
    }


def test_the_worst_documents_are_read_or_refused_in_bounded_memory_and_time(folder: Path):
    for name, data in worst_documents().items():
        (folder / name).write_bytes(data)
    with (folder / "sparse.xml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    program = READER.format(acme=str(ACME), root=str(folder.parent))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["codes"].pop("small.xml") is None
    assert None not in found["codes"].values()
    assert found["codes"]["sparse.xml"] == "too-big"
    assert found["grown"] < 150, f"{found['grown']} MB were needed"
