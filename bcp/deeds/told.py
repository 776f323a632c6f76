"""What a person types, as it may stand in a record: nothing in it that a terminal obeys or that a reader cannot see."""

from __future__ import annotations

from bcp.kernel.errors import Invalid
from bcp.kernel.text import hidden_in

LONGEST = 4000
"""Characters of one text."""


def told(text: str, *, empty: bool = False, lines: bool = False) -> str:
    """A text of a person, on one line or (``lines``) on several.

    It goes to terminals, pages, tables, calendars and subjects of mails: what is refused here needs no care there.
    Raises ``Invalid`` (``no-text``, ``text-too-long``, ``text-hidden``).
    """
    text = text.replace("\r\n", "\n").strip()
    if not empty and not text:
        raise Invalid("say what is to be written down", rule="no-text", hint="One or two sentences.")
    if len(text) > LONGEST:
        raise Invalid(f"a text may have {LONGEST} characters", rule="text-too-long", hint="Put the rest into a file.")
    if found := hidden_in(text, allowed="\n\t" if lines else ""):
        at, name = found
        raise Invalid(
            f"character {at} of {text[:at - 1][-20:]!r}... is {name}, which nobody sees and which a terminal may obey",
            rule="text-hidden", hint="Type the text anew, on one line." if not lines else "Type the text anew.",
        )  # fmt: skip
    return text
