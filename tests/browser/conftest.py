"""One browser for all tests of a module; windows are each test's own."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser
from tests.browser.driving import launched


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """A browser; skips where the machine has none."""
    with launched() as browser:
        yield browser
