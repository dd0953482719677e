"""The text of a web page as somebody would read it: its main part, no scripts, nothing hidden, links with their hosts.

What a browser would not show is left out, and how much of it there was is said: hidden text is written for machines.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from deputy.adapters.reading.letters import visible
from deputy.adapters.reading.reader import Link, Request, Text

__all__ = ["host_of", "page"]

_MOST_LINKS = 300
_MOST_RULES = 200  # of style sheets that hide something
_ENOUGH = 200  # characters that make a main part worth taking for the whole
_DROPPED = ("script, style, noscript, template, iframe, object, embed, svg, canvas, math, audio, video, select, "
            "datalist, dialog:not([open]), input, button, head")  # fmt: skip
_AROUND = "nav, header, footer, aside, [role=navigation], [role=banner], [role=contentinfo], [role=search]"
_HIDDEN = "[hidden], [aria-hidden=true], .sr-only, .visually-hidden, .screen-reader-text"
_HIDING = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0?\.?0*(?:;|$)|font-size:0?\.?[0-3]?(?:px|pt|em|rem|%)?(?:;|$|!)"
    r"|(?:text-indent|left|top|right|margin-left|margin-top):-\d{3,}|clip:rect\(0|clip-path:(?:inset\(50|inset\(100|circle\(0)"
    r"|(?:^|;)(?:max-)?(?:height|width):0(?:px)?(?:;|$)|(?:^|;)color:(?:transparent|rgba\([^)]*,0?\.?0+\))|transform:scale\(0"
)  # fmt: skip
_MEDIA = re.compile(r"@[a-z-]+[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]{0,4000})\}")
_SIMPLE = re.compile(r"[a-z]{0,20}(?:[.#][A-Za-z_][A-Za-z0-9_-]{0,100}){1,3}")
_BLOCKS = frozenset(
    ["address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
     "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
     "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"]
)  # fmt: skip
_CELLS = frozenset(("td", "th"))


def page(html: str, wanted: Request) -> Text:
    """What is to be read on a page."""
    tree = LexborHTMLParser(html)
    base = wanted.url
    if (node := tree.css_first("base[href]")) is not None:
        base = urljoin(base, node.attributes.get("href") or "")
    title = " ".join((node.text() if (node := tree.css_first("title")) is not None else "").split())[:500]
    notes: list[str] = []
    if hidden := _without_hidden(tree):
        notes.append(f"{hidden} hidden parts were left out.")
    for node in tree.css(_DROPPED):
        node.decompose()
    root, part = _main(tree, whole=wanted.whole)
    if part:
        notes.append("Only the main part of the page is shown.")
    links: dict[str, tuple[int, Link]] = {}
    text = _rendered(root, lambda words, href: _link(words, href, base, links)) if root is not None else ""
    text, unseen = visible(text)
    title, more = visible(title)
    if unseen + more:
        notes.append(f"{unseen + more} invisible characters were left out.")
    if len(text) > wanted.most:
        text = text[: wanted.most]
        notes.append("The text is cut off.")
    return Text(text=text, title=title, links=tuple(link for _, link in links.values()), notes=tuple(notes))


def host_of(url: str) -> str:
    """The host that an address leads to, or nothing where it is no address of the web."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


# -- what is hidden, and what is around


def _without_hidden(tree: LexborHTMLParser) -> int:
    """Take out what a browser would not show; returns how many pieces had text in them."""
    selectors = [_HIDDEN, *_hiding_rules(tree)]
    count = 0
    for selector in selectors:
        for node in tree.css(selector):
            count += _dropped(node)
    for node in tree.css("[style]"):
        if _HIDING.search((node.attributes.get("style") or "")[:4000].lower().replace(" ", "").replace("\n", "")):
            count += _dropped(node)
    return count


def _dropped(node: LexborNode) -> int:
    if node.tag in ("body", "html"):
        return 0  # some pages show themselves by script only
    had = bool(node.text(deep=True).strip())
    node.decompose()
    return had


def _hiding_rules(tree: LexborHTMLParser) -> Iterator[str]:
    """Simple selectors (`.x`, `p#y`) that the page's own style sheets hide."""
    found = 0
    for sheet in tree.css("style"):
        for rule in _RULE.finditer(_MEDIA.sub("", sheet.text()[:500_000])):
            if not _HIDING.search("".join(rule[2].lower().split())):
                continue
            for selector in rule[1].split(","):
                if _SIMPLE.fullmatch(selector.strip()) and (found := found + 1) <= _MOST_RULES:
                    yield selector.strip()


def _main(tree: LexborHTMLParser, *, whole: bool) -> tuple[LexborNode | None, bool]:
    """The node to read, and whether it is a part only."""
    body = tree.body
    if whole or body is None:
        return body, False
    everything = len(body.text(deep=True).strip())
    candidates = [(len(node.text(deep=True).strip()), node) for node in tree.css("main, [role=main], article")[:200]]
    length, best = max(candidates, key=lambda c: c[0], default=(0, None))
    if best is not None and length >= _ENOUGH:
        return best, length < everything
    around = [node for node in tree.css(_AROUND)[:2000] if node.parent is not None]
    around = [node for node in around if not (node.tag == "header" and _within(node, "article"))]
    if around and everything - sum(len(node.text(deep=True).strip()) for node in around) >= _ENOUGH:
        for node in around:
            node.decompose()
        return body, True
    return body, False


def _within(node: LexborNode, tag: str) -> bool:
    while (above := node.parent) is not None:
        if above.tag == tag:
            return True
        node = above
    return False


# -- text


def _rendered(root: LexborNode, link: Callable[[str, str], str]) -> str:
    """The text below a node, walked without recursion: pages may be nested as deep as they like."""
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # links being read: where they lead, and where their words begin
    preformatted = 0
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            text = node.text_content or ""
            if not preformatted:
                text = re.sub(r"\s+", " ", text)
                text = text.lstrip() if out and out[-1][-1:].isspace() else text
            if text:
                out.append(text)
            continue
        if not leaving:
            if before := _before(tag, node):
                out.append(before)
            preformatted += tag == "pre"
            if tag == "a" and (href := node.attributes.get("href")):
                opened.append((href, len(out)))
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
            continue
        preformatted -= tag == "pre"
        if tag == "a" and node.attributes.get("href") and opened:
            href, start = opened.pop()
            if mark := link(" ".join("".join(out[start:]).split()), href):
                out.append(mark)
        after = ("\n\n" if tag in ("p", "table", "ul", "ol", "pre") or (tag[:1] == "h" and tag[1:].isdigit()) else
                   "\n" if tag in _BLOCKS and tag not in ("li", "tr") else " | " if tag in _CELLS else "")  # fmt: skip
        if after:
            out.append(after)
    return _tidied("".join(out))


def _before(tag: str, node: LexborNode) -> str:
    if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        return f"\n\n{'#' * int(tag[1])} "
    if tag == "li":
        return "\n- "
    if tag == "br":
        return "\n"
    if tag == "img":
        alt = " ".join((node.attributes.get("alt") or "").split())[:300]
        return f"[image: {alt}]" if alt else ""
    return "\n" if tag in _BLOCKS else ""


def _link(words: str, href: str, base: str, links: dict[str, tuple[int, Link]]) -> str:
    try:
        url = urljoin(base, href.strip())
    except ValueError:
        return ""
    host = host_of(url)
    url = url.partition("#")[0]
    if not host or len(url) > 2000 or not url.isprintable() or url == base:
        return ""
    if url not in links:
        if len(links) >= _MOST_LINKS:
            return ""
        links[url] = len(links) + 1, Link(visible(words)[0][:200], url, host)
    return f" [{links[url][0]}]"


def _tidied(text: str) -> str:
    lines = [re.sub(r"(?: \|\s*)+$", "", re.sub(r"[ \t\xa0]+$", "", line)) for line in text.split("\n")]
    lines = [line[1:] if line.startswith(" ") and not line.startswith("  ") else line for line in lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
