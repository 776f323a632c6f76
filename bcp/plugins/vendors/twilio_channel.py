"""What every channel of Twilio shares: one account, one client, Twilio's refusals translated,
and the look at its lists."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any, TypeVar

from bcp.contracts.channel import Channel, ChannelSettings, Delivery, Inbound, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import BcpError, InDoubt
from bcp.kernel.secret import Secret
from bcp.kernel.text import plural
from bcp.plugins.vendors.twilio import Twilio, translate

LISTED = 50
"""So many rows of a list, the newest, are looked through."""
CLOCKS_S = 2.0
"""Allowed for clocks that differ and for Twilio's rounding to seconds."""


class TwilioAccount(ChannelSettings):
    """The account, and how it is spoken to."""

    account_sid: Secret
    """Account SID, by reference."""
    auth_token: Secret
    """Auth token, by reference."""
    timeout: Duration = 15.0
    """For one request."""
    concurrency: int = 20
    """Requests under way at once."""
    api_url: str = ""
    """Another base URL, for tests."""

    def at_once(self) -> int:
        """As configured."""
        return self.concurrency


S = TypeVar("S", bound=TwilioAccount)


class TwilioChannel(Channel[S]):
    """A channel of one account. Twilio has no idempotency key: a lost answer is asked about, never repeated blindly."""

    def __init__(self, name: str, settings: S) -> None:
        super().__init__(name, settings)
        self._twilio = Twilio(
            settings.account_sid,
            settings.auth_token,
            api_url=settings.api_url,
            timeout_s=settings.timeout,
            connections=settings.concurrency,
        )

    def address_of(self, contact: Contact) -> str:
        """The phone number."""
        return contact.phone

    async def close(self) -> None:
        """Close the pool."""
        await self._twilio.close()


SENSELESS = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What Twilio's library raises when an answer is not what its documents show:
HTML of a proxy, half an object, another type."""


@contextmanager
def refusals() -> Iterator[None]:
    """Around a request: Twilio's own exception becomes one of ours, and an answer without sense is in doubt."""
    from twilio.base.exceptions import TwilioException

    try:
        yield
    except TwilioException as error:
        raise translate(error) from error
    except SENSELESS as error:
        raise InDoubt(
            "Twilio's address answers, but not as Twilio does", hint="Is a proxy or a guest network in between?"
        ) from error


def receipt_of(created: Any) -> Receipt:
    """What Twilio made. Raises ``InDoubt`` where its answer names nothing: that is no yes."""
    sid = created.sid
    if not isinstance(sid, str) or not sid:
        raise InDoubt("Twilio's answer names no message", hint="Look in Twilio's console, then `bcp settle`.")
    return Receipt(sid, str(created.status))


@contextmanager
def questions() -> Iterator[None]:
    """Around a look at a list: whatever goes wrong, nothing is known."""
    from twilio.base.exceptions import TwilioException

    try:
        yield
    except (BcpError, TwilioException, *SENSELESS) as error:
        raise InDoubt("Twilio cannot be asked whether it took it", hint="Ask again later: `bcp resume`.") from error


def day_of(at: float) -> datetime:
    """Midnight before: Twilio's lists are filtered by whole days."""
    return datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def text_among(rows: Iterable[Any], delivery: Delivery) -> Receipt | None:
    """The row that is this text, made since the claim; ``None`` when provably none is.

    Twilio keeps number and time, but not always the words: redaction empties them, a trial account and an opt-out
    footer add some, smart encoding replaces characters. A text to this number whose words cannot be told from ours is
    in doubt: never *not taken*, which would send it twice.

    Raises:
        InDoubt: a text was made that may be this one.
    """
    wanted, doubtful, rows = _words(delivery.message.body), 0, list(rows)
    for row in rows:
        made, direction = row.date_created, str(row.direction or "")
        if direction == "inbound" or (made is not None and made.timestamp() < delivery.since - CLOCKS_S):
            continue
        words = _words(str(row.body or ""))
        if made is not None and wanted in words:
            return Receipt(str(row.sid), f"found: {row.status}")
        doubtful += not words or wanted in words or SequenceMatcher(None, wanted, words).ratio() > ALIKE
    if doubtful:
        raise InDoubt(
            f"Twilio lists {plural(doubtful, 'text')} to this number since then, with other or hidden words",
            hint="Look in Twilio's console, then `bcp settle`.",
        )
    _reaches_back(rows, delivery)
    return None


def _reaches_back(rows: Sequence[Any], delivery: Delivery) -> None:
    """Nothing, where the rows reach back to the claim.

    Raises:
        InDoubt: they end before it: what was made then stands behind their end.
    """
    made = [None if r.date_created is None else r.date_created.timestamp() for r in rows]
    if len(made) >= LISTED and not any(m is not None and m < delivery.since - CLOCKS_S for m in made):
        raise InDoubt(
            f"the last {len(made)} to this number are all newer than this one, and Twilio lists no more of them",
            hint="Look in Twilio's console, then `bcp settle`.",
        )


MOST_PAGES = 20
"""Of a list of texts. One whose next page is itself has no end."""


async def all_pages(page: Any) -> list[Any]:
    """The rows of a page and of those after it, up to ``MOST_PAGES``."""
    rows: list[Any] = []
    for _ in range(MOST_PAGES):
        rows += page
        page = await page.next_page_async()
        if page is None:
            break
    return rows


def inbound_among(rows: Iterable[Any]) -> list[Inbound]:
    """What people texted to us, of a list of texts. A row that lacks what Twilio keeps of every text is left for the
    next look: if it were taken for heard without its sender, time or words, an answer would be lost.

    Raises:
        InDoubt: there are only such rows.
    """
    out, broken = list[Inbound](), 0
    for row in rows:
        if str(row.direction or "inbound") == "inbound":
            found = _inbound(row)
            out += [found] if found is not None else []
            broken += found is None
    if broken and not out:
        raise InDoubt("Twilio lists texts without sender, time or words", hint="Is a proxy in between?")
    return out


def _inbound(row: Any) -> Inbound | None:
    made, texts = row.date_created, (row.from_, row.sid, row.body)
    if not isinstance(made, datetime) or not all(isinstance(t, str) for t in texts) or not all(texts[:2]):
        return None
    try:
        "".join(texts).encode()
        return Inbound(row.from_, row.body, made.timestamp(), row.sid)
    except (UnicodeEncodeError, OverflowError, OSError, ValueError):
        return None


ALIKE = 0.6
"""Share of equal characters from which two texts may be the same one."""


def _words(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if c.isalnum())


def made_since(found: Iterable[Any], delivery: Delivery, fits: Callable[[Any], bool]) -> Receipt | None:
    """The first of Twilio's rows that fits and was made since the claim; ``None`` when provably none is.

    Raises:
        InDoubt: the rows do not reach back to the claim.
    """
    rows = list(found)
    for row in rows:
        made = row.date_created
        if fits(row) and (made is None or made.timestamp() >= delivery.since - CLOCKS_S):
            return Receipt(str(row.sid), f"found: {row.status}")
    _reaches_back(rows, delivery)
    return None
