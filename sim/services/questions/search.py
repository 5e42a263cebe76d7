"""What somebody types into a search box, as a query of MySQL's full-text index."""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = 10
_WORD = re.compile(r"[^\W_]+")


def boolean_query(text: str) -> str:
    """Any of the words, each also as the beginning of a longer one; empty when there is none.

    Letters and digits alone are left, so that no operator of the boolean mode, hence no syntax error, remains.
    """
    return " ".join(f"{word}*" for word in _WORD.findall(text)[:WORDS])
