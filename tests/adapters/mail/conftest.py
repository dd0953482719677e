"""One IMAP server for all tests of this folder; every test has an account of its own."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.adapters.mail.far_imap import Dovecot, dovecot_in


@pytest.fixture(scope="session")
def dovecot() -> Generator[Dovecot]:
    # Not below pytest's own folder, which other sessions of pytest close to the user who delivers mail.
    with tempfile.TemporaryDirectory(prefix="deputy-dovecot-", ignore_cleanup_errors=True) as root:
        Path(root).chmod(0o711)
        with dovecot_in(Path(root)) as far:
            yield far


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """The name of an account that no other test has."""
    return f"u{abs(hash(request.node.nodeid)) % 10**9}"
