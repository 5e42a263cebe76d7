"""Text as clients may send it: what the schemas of several services bound and forbid.

Python's ``$`` also matches before a last line feed, which no column expects: hence the look-ahead, which JavaScript,
the dialect of JSON Schema, reads the same way.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

END: Final = r"$(?!\n)"
SINGLE_LINE: Final = r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*" + END
"""Not blank, no control characters: may stand in a heading of an e-mail."""

Email = Annotated[
    str,
    msgspec.Meta(
        max_length=254,
        pattern=r"^[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}" + END,
        description="e-mail address",
    ),
]
