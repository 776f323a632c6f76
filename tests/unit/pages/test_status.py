"""The status page and its feeds."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict

import pytest

from bcp.kernel.errors import StorageError
from bcp.kit.site import MOST, Site
from bcp.pages.status import WORDS, Entry, atom, json_feed, status_page

HOSTILE = """<script>alert(1)</script>"'&amp;</title></style><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}"""
AT = 1_700_000_000.0


def entry(phase: str, n: int = 0, *, title: str = "", template: str = "own-name", language: str = "en") -> Entry:
    return Entry(f"k{n}", AT + n * 600, title or f"Title {n}", f"<p>Body {n}</p>", "x", template, language, phase)


def banner(text: str) -> str:
    return re.search(r'<div class="now ([a-z]+)"', text)[1]


@pytest.mark.parametrize(
    ("phase", "colour"),
    [
        ("restored", "good"),
        ("after", "good"),
        ("monitoring", "warn"),
        ("investigating", "bad"),
        ("identified", "bad"),
        ("update", "bad"),
        ("", "bad"),
    ],
)
@pytest.mark.parametrize("name", ["customers-after", "alles-gut", "not-restored-yet", "inbound-restored"])
def test_the_phase_of_the_newest_entry_decides_not_a_word_in_its_name(phase, colour, name) -> None:
    assert banner(status_page("Corp", [entry(phase, 2, template=name), entry("identified", 1)])) == colour


def test_a_new_outage_after_an_all_clear_is_red_again() -> None:
    assert (
        banner(status_page("Corp", [entry("investigating", 3), entry("restored", 2), entry("identified", 1)])) == "bad"
    )


def test_each_entry_has_its_own_colour_in_the_story() -> None:
    text = status_page(
        "Corp", [entry("correction", 3), entry("restored", 2), entry("correction", 1), entry("identified", 0)]
    )
    assert re.findall(r'<article id="e\d" class="([a-z]+)"', text) == ["ok", "ok", "bad", "bad"]


def test_nothing_reported_is_said_and_green() -> None:
    text = status_page("Corp", [])
    assert "No incident is reported." in text and banner(text) == "good" and "<article" not in text


@pytest.mark.parametrize("language", sorted(WORDS))
def test_the_page_speaks_the_language_of_its_newest_entry(language) -> None:
    text = status_page("Corp", [entry("restored", language=language)])
    assert f'<html lang="{language}">' in text and WORDS[language]["newest"] in text and WORDS[language]["ok"] in text


def test_another_language_gets_the_english_words_around_its_own() -> None:
    assert WORDS["en"]["newest"] in status_page("Corp", [entry("restored", language="fr")])


def test_all_languages_say_the_same_things() -> None:
    assert len({frozenset(w) for w in WORDS.values()}) == 1


def test_hostile_titles_stay_text() -> None:
    text = status_page(HOSTILE, [entry("update", title=HOSTILE)])
    assert "<script" not in text and "<img" not in text and text.count("</style>") == 1 and text.count("</title>") == 1
    assert "{{ 7*7 }}" in text


def test_the_page_asks_for_nothing() -> None:
    """No script, no address, and a policy that forbids both."""
    text = status_page("Corp", [entry("update")])
    assert "default-src 'none'" in text and "<script" not in text and "src=" not in text
    assert (
        set(re.findall(r'href="([^"]*)"', text)) == {"feed.atom", "index.html"}
        and "url(" not in text
        and "@import" not in text
    )


def test_times_are_in_the_readers_zone_and_utc_for_machines() -> None:
    text = status_page("Corp", [entry("update")], "Europe/Berlin")
    assert (
        'datetime="2023-11-14T22:13:20Z"' in text
        and "14 Nov 23:13:20 CET" in text
        and "Times are Europe/Berlin." in text
    )


def test_the_atom_feed_is_well_formed_whatever_people_write() -> None:
    feed = ET.fromstring(atom(HOSTILE, "", [entry("update", title=HOSTILE)]))
    name = "{http://www.w3.org/2005/Atom}"
    assert feed.find(f"{name}title").text == HOSTILE and feed.find(f"{name}entry/{name}title").text == HOSTILE
    assert (
        feed.find(f"{name}entry/{name}content").text == "<p>Body 0</p>"
        and feed.find(f"{name}id").text == "urn:bcp:status"
    )
    assert ET.fromstring(atom("x", "https://s.example", [])).find(f"{name}updated").text == "1970-01-01T00:00:00Z"


def test_the_json_feed_carries_text_and_html() -> None:
    feed = json.loads(json_feed("Corp", [entry("update", 1), entry("restored")]))
    assert [i["id"] for i in feed["items"]] == ["k1", "k0"] and feed["items"][1][
        "date_published"
    ] == "2023-11-14T22:13:20Z"


# -- the folder ------------------------------------------------------------------------------------------------------


def test_entries_come_back_with_their_phase_and_the_newest_first(tmp_path) -> None:
    site = Site(tmp_path, "Corp", "")
    for n, phase in enumerate(("identified", "monitoring", "after")):
        site.put(entry(phase, n))
    assert [e.phase for e in site.entries()] == ["after", "monitoring", "identified"]
    assert banner((tmp_path / "index.html").read_text()) == "good"
    site.remove("k2")
    assert banner((tmp_path / "index.html").read_text()) == "warn" and not site.has("k2")


def test_a_page_of_the_first_release_keeps_its_all_clear(tmp_path) -> None:
    """Its entries had no phase; writing the page anew must not turn it red."""
    old = [
        {
            "key": "k",
            "at": AT,
            "title": "Mail works",
            "html": "<p>x</p>",
            "text": "x",
            "template": "customers-restored",
            "language": "en",
        }
    ]
    (tmp_path / "entries.json").write_text(json.dumps(old))
    site = Site(tmp_path, "Corp", "")
    site.write()
    assert banner((tmp_path / "index.html").read_text()) == "good"
    old[0]["template"] = "customers-identified"
    (tmp_path / "entries.json").write_text(json.dumps(old))
    site.write()
    assert banner((tmp_path / "index.html").read_text()) == "bad"


def test_only_so_many_entries_are_kept_the_oldest_go(tmp_path) -> None:
    site = Site(tmp_path, "Corp", "")
    (tmp_path / "entries.json").write_text(json.dumps([asdict(entry("update", n)) for n in range(MOST, 0, -1)]))
    site.put(entry("update", MOST + 1))
    assert len(site.entries()) == MOST and site.entries()[-1].key == "k2" and site.has(f"k{MOST + 1}")


@pytest.mark.parametrize("text", ["{", "[1]", '[{"key": 1}]', "null", '{"a": 1}'])
def test_a_damaged_file_is_said_in_words(tmp_path, text) -> None:
    (tmp_path / "entries.json").write_text(text)
    with pytest.raises(StorageError, match=r"entries\.json cannot be read"):
        Site(tmp_path, "Corp", "").entries()
