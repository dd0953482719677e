"""The example workspace on the import path, as its own programs see it, and copies of it to work in."""

import shutil
import sys
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from tests.cli.offices import Shell

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"
# Beside the repository, wherever its tree is checked out.
PEPPOL_EXAMPLES = ACME.parents[2] / "shared" / "data" / "peppol"
REAL_NEWS = ACME.parents[2] / "shared" / "data" / "news"

for _place in (ACME / "servers", ACME):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))


def demo_invoices() -> dict[str, bytes]:
    """Every invoice of the example by its file name: those in the folder, and those attached to its letters."""
    found = {path.name: path.read_bytes() for path in (ACME / "invoices").iterdir()}
    for path in sorted((ACME / "mail" / "invoices" / "new").iterdir()):
        letter = message_from_bytes(path.read_bytes(), policy=default)
        for part in letter.iter_attachments():
            if (name := part.get_filename("")).endswith(".xml"):
                found[name] = part.get_content()
    return found


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A copy of the workspace without what running it leaves behind."""
    left = shutil.ignore_patterns(".deputy", "__pycache__", "*.db", "*.db-*")
    return Path(shutil.copytree(ACME, tmp_path / "acme", ignore=left))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder `invoices` that the invoice tools read from."""
    from tools import invoices

    monkeypatch.setattr(invoices, "WORKSPACE", tmp_path)
    made = tmp_path / "invoices"
    made.mkdir()
    return made


@pytest.fixture
def peppol_example() -> Callable[[str], bytes]:
    """The content of one of the examples that OpenPEPPOL publishes; they are data beside the repository."""

    def read(name: str) -> bytes:
        path = PEPPOL_EXAMPLES / name
        if not path.exists():
            pytest.skip(f"{name} is not beside this repository (shared/data/peppol): a real example is NOT tested")
        return path.read_bytes()

    return read


@pytest.fixture
def real_article() -> bytes:
    """A real article with advertisements and navigation; it is data beside the repository."""
    found = sorted(REAL_NEWS.glob("*.txt")) if REAL_NEWS.is_dir() else []
    if not found:
        pytest.skip("no article is beside this repository (shared/data/news): a real article is NOT tested")
    return found[0].read_bytes()


@pytest.fixture
def shell(acme: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line in a copy of the workspace."""
    return Shell(acme, capsys)
