"""The status page's folder: the word that was published last stands first."""

from __future__ import annotations

import os
import stat

import pytest

from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.kit.site import MOST, Entry, Site


def entry(key: str, at: float, title: str = "") -> Entry:
    """One."""
    return Entry(key, at, title or key, "", "text", "inbound-on-backup", "en", "identified")


@pytest.fixture
def site(tmp_path) -> Site:
    """An empty one."""
    return Site(tmp_path / "public", "Corp status", "https://status.example")


@pytest.mark.parametrize("later", [200_000.0, 100_000.0, 96_400.0])
def test_the_last_word_stands_first_whatever_the_clock_says(site, later) -> None:
    """A clock that was set back by an hour must not hide a correction below what it corrects."""
    site.put(entry("mail is kept", 100_000.0))
    site.put(entry("correction", later))
    assert [e.key for e in site.entries()] == ["correction", "mail is kept"]
    page = (site.folder / "index.html").read_text()
    assert page.index("correction") < page.index("mail is kept")


def test_an_entry_that_is_published_again_is_replaced_in_its_place(site) -> None:
    """A repeated delivery says nothing new."""
    for key in ("one", "two", "three"):
        site.put(entry(key, 100.0))
    site.put(entry("two", 300.0, "changed"))
    assert [(e.key, e.title) for e in site.entries()] == [("three", "three"), ("two", "changed"), ("one", "one")]


def test_the_oldest_words_go_when_there_are_too_many(site) -> None:
    """By the order in which they came."""
    for i in range(MOST + 2):
        site.put(entry(f"e{i}", 1000.0 - i))
    assert [site.entries()[0].key, site.entries()[-1].key] == [f"e{MOST + 1}", "e2"]


def test_the_feed_was_updated_when_its_latest_entry_says(site) -> None:
    """RFC 4287 section 4.1.1: the most recent instant, not that of whatever stands first."""
    site.put(entry("one", 86_400.0))
    site.put(entry("two", 0.0))
    assert "<updated>1970-01-02T00:00:00Z</updated>" in (site.folder / "feed.atom").read_text().partition("<entry>")[0]


def test_nobody_else_holds_the_lock_and_no_link_is_followed(site, tmp_path) -> None:
    """The folder is for others to read, and a web server may write there."""
    site.put(entry("one", 100.0))
    lock, key = site.folder / ".lock", tmp_path / "serve.key"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    key.write_text("secret")
    lock.unlink()
    lock.symlink_to(key)
    with pytest.raises(StorageError):
        site.put(entry("two", 200.0))
    assert key.read_text() == "secret" and len(site.entries()) == 1


def test_what_is_written_goes_into_no_file_of_somebody_else(tmp_path) -> None:
    """A folder that all may write to: they may guess the name of what lies beside until it is whole."""
    mine, theirs = tmp_path / "people.csv", tmp_path / "theirs"
    theirs.write_text("")
    (tmp_path / f".people.csv.{os.getpid()}.tmp").symlink_to(theirs)
    write_atomic(mine, "phones")
    assert mine.read_text() == "phones" and not mine.is_symlink() and theirs.read_text() == ""
