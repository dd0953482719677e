"""Words that strangers wrote, made safe to show, and figures as a clerk reads them."""

import unicodedata
from decimal import Decimal

__all__ = ["hidden_characters", "mixed_scripts", "money", "plain", "shown"]

_HIDING = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "CHEROKEE")


def _hides(character: str) -> bool:
    return character not in "\t\n\r" and unicodedata.category(character) in _HIDING


def hidden_characters(text: str) -> tuple[str, ...]:
    """The control, invisible and direction-changing characters of a text, as `U+202E`, each once."""
    return tuple(dict.fromkeys(f"U+{ord(character):04X}" for character in text if _hides(character)))


def mixed_scripts(text: str) -> tuple[str, ...]:
    """The alphabets of a text that mixes several: a Cyrillic letter among Latin ones passes for another number."""
    names = (unicodedata.name(character, "") for character in text if character.isalpha())
    found = dict.fromkeys(script for name in names for script in _SCRIPTS if name.startswith(script))
    return tuple(script.capitalize() for script in found) if len(found) > 1 else ()


def shown(text: str, limit: int = 80) -> str:
    """A stranger's text on one line, its hidden characters spelled out, cut to a length."""
    line = "".join(f"\\u{ord(c):04x}" if _hides(c) else c for c in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def plain(number: Decimal) -> str:
    """A number without exponent and without needless zeros."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def money(amount: Decimal, currency: str = "") -> str:
    """An amount with thousands separators and at least two decimals."""
    exponent = amount.normalize().as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{currency} {amount:,.{places}f}".strip()
