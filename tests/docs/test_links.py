"""Links lead somewhere, files that pages name exist, and every page is reached from the first one."""

import re
from pathlib import Path

import pytest
from tests.docs.snippets import DOCS, ROOT

PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a code host makes anchors of them."""
    found: set[str] = set()
    for line in page.read_text("utf-8").splitlines():
        if (heading := re.match(r"#+ (.+)", line)) is not None:
            words = re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading[1]).strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def links(page: Path) -> list[str]:
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return LINK.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=[p.relative_to(ROOT).as_posix() for p in PAGES])
def test_links_lead_somewhere(page: Path):
    for link in links(page):
        if link.startswith("https://"):
            continue
        where, _, anchor = link.partition("#")
        target = (page.parent / where).resolve() if where else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme():
    seen, pending = set[Path](), [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        pending += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
        pending += [
            p for link in links(page) if link.endswith("/") for p in (page.parent / link).resolve().glob("*.md")
        ]
    assert {p.relative_to(ROOT).as_posix() for p in PAGES} - {p.relative_to(ROOT).as_posix() for p in seen} == set()


def test_files_that_the_threat_model_and_the_decisions_name_exist():
    for page in PAGES:
        for named in re.findall(r"`((?:src|tests|docs|examples|bench)/[\w./-]+)`", page.read_text("utf-8")):
            assert (ROOT / named).exists(), f"{page.name}: {named}"


def test_decisions_are_numbered_without_a_gap_and_have_three_parts():
    pages = sorted((DOCS / "adr").glob("*.md"))
    for number, page in enumerate(pages, start=1):
        text = page.read_text("utf-8")
        assert page.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^## (\w+)", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert len(text.splitlines()) <= 60


def test_pictures_need_nothing_from_elsewhere():
    for picture in (DOCS / "images").glob("*.svg"):
        text = picture.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert re.findall(r"https?://|@import|<script|<image|href=", text) == []


def test_no_line_of_the_pages_is_wider_than_a_screen():
    for page in PAGES:
        inside = False
        for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
            inside ^= line.startswith("```")
            if not inside and not line.startswith(("|", "!", "<!--")):
                assert len(line) <= 120, f"{page.name}:{number}"
