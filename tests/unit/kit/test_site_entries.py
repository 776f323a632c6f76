"""The status page's list of entries, when something else stands in its file."""

from __future__ import annotations

import asyncio
import json

import pytest

from bcp.contracts.channel import Delivery, Message
from bcp.kernel.errors import InDoubt, StorageError
from bcp.kit.site import Entry, Site
from bcp.plugins.channels.status_page import StatusPage, StatusPageSettings

GOOD = {
    "key": "k", "at": 1.0, "title": "t", "html": "h", "text": "x", "template": "i", "language": "en", "phase": "p",
}  # fmt: skip
BAD = [
    "<html>", "null", "7", '"x"', "{", "[1]", '["x"]', "[[]]", "[{}]", '{"a": 1}', "[" * 100_000,
    *(json.dumps([{**GOOD, **c}]) for c in (
        {"at": None}, {"at": "now"}, {"at": True}, {"at": float("nan")}, {"at": -1}, {"at": 10**400}, {"title": None},
        {"html": ["h"]}, {"template": 7}, {"phase": {}}, {"language": None}, {"more": 1},
    )),
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_no_list_of_entries_is_said_to_be_unreadable(text, tmp_path) -> None:
    """Nothing is written over it, and a channel that is asked what it took does not know."""
    (tmp_path / "entries.json").write_text(text)
    site = Site(tmp_path, "Corp", "")
    with pytest.raises(StorageError, match="cannot be read"):
        site.put(Entry(**GOOD))
    assert (tmp_path / "entries.json").read_text() == text
    channel = StatusPage("page", StatusPageSettings(kind="status-page", folder=tmp_path))
    with pytest.raises(InDoubt, match="cannot be read"):
        asyncio.run(channel.find(Delivery("k", "page", Message("t", "page", "en", "", "x"))))


def test_what_was_put_is_read(tmp_path) -> None:
    """And found by its key."""
    site = Site(tmp_path, "Corp", "")
    site.put(Entry(**GOOD))
    assert site.has("k") and site.entries() == [Entry(**GOOD)]
