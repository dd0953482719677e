"""Letters that somebody sees, and those that nobody does."""

import unicodedata

__all__ = ["visible"]


def visible(text: str) -> tuple[str, int]:
    """A text without characters that nobody sees (zero width, direction marks, controls), and their number."""
    if text.isprintable():
        return text, 0
    kept = [c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")]
    return "".join(kept), len(text) - len(kept)
