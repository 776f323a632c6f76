"""``bcp probe``, ``report-problem`` and ``history``: exit codes, what is refused, what is believed."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import typer

from bcp.cli import look, render
from bcp.contracts.probe import Result, Signal
from bcp.detect.remote import Batch, key_of, seal
from bcp.kernel.errors import Invalid


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


def signal(result: Result, **more) -> Signal:
    given = {"kind": "", "evidence": "", "at": 0.0, **more}
    return Signal(probe="p", plane="inbound", result=result, **given)


def with_key(house, more: str = "") -> None:
    path = house.folder / "bcp.yaml"
    path.write_text(path.read_text() + "detect: {key: 'file:detect.key'" + more + "}\n")
    (house.folder / "detect.key").write_text("a key that two machines share, and nobody else\n")


# -- looking ---------------------------------------------------------------------------------------------------------


def test_the_kinds_of_probes_are_listed_with_what_they_are_for(said, as_json, capsys) -> None:
    look.probe(kinds=True)
    kinds = said()["kinds"]
    assert "smtp" in kinds and all(kinds.values())
    as_json.json = False
    look.probe(kinds=True)
    assert "inbound" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("smtp "))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([signal(Result.OK)], 0),
        ([signal(Result.OK), signal(Result.DEGRADED)], 1),
        ([signal(Result.FAIL)], 1),
        ([signal(Result.FAIL), signal(Result.UNKNOWN)], 4),
        ([signal(Result.FAIL, control=True)], 0),
        ([signal(Result.UNKNOWN, kind="silent"), signal(Result.OK)], 0),
        ([signal(Result.UNKNOWN, kind="few")], 0),
    ],
)
def test_the_exit_code_is_the_worst_finding_and_silence_is_none(house, monkeypatch, said, results, code) -> None:
    async def looks(app, probes):
        return results

    monkeypatch.setattr(look, "_looks", looks)
    with pytest.raises(typer.Exit) as ended:
        look.probe()
    assert ended.value.exit_code == code
    assert [s["result"] for s in said()["signals"]] == [s.result.value for s in results]


def test_an_organisation_is_looked_at_once_for_real(house, said) -> None:
    """Nobody answers at these names: no probe says ok, and each says which it is."""
    with pytest.raises(typer.Exit) as ended:
        look.probe("own-mx")
    found = said()["signals"]
    assert ended.value.exit_code != 0 and [s["probe"] for s in found] and all(s["evidence"] for s in found)


def test_a_name_that_no_probe_has_is_refused_with_the_likely_one(house) -> None:
    with pytest.raises(Invalid, match="no configured probe is called 'own-my'") as caught:
        look.probe("own-my")
    assert "own-mx" in caught.value.hint and "--with" in caught.value.hint


def test_without_any_probe_there_is_nothing_to_look_at() -> None:
    app = SimpleNamespace(watching=SimpleNamespace(watcher=SimpleNamespace(mine=[])))
    with pytest.raises(Invalid, match="nothing to look at"):
        look._chosen(app, "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["hosts"], "not NAME=VALUE"),
        (["nonsense=1", "host=x.test"], "dns has no such setting"),
        (["timeout=soon", "host=x.test"], "not a duration"),
        ([], "is needed"),
    ],
)
def test_settings_on_the_command_line_are_checked_before_anything_is_looked_at(given, words) -> None:
    with pytest.raises(Invalid, match=words):
        look.probe("dns" if given else "https", given)


def test_one_look_without_a_configuration(tmp_path, monkeypatch, said) -> None:
    """Lists are written with commas; nobody listens at this port."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(typer.Exit) as ended:
        look.probe("https", ["url=http://127.0.0.1:1/", "expect=200, 401", "timeout=1s"])
    (found,) = said()["signals"]
    assert ended.value.exit_code in {1, 4} and found["result"] in {"fail", "unknown"}


# -- vantage points --------------------------------------------------------------------------------------------------


def test_a_vantage_point_without_a_key_reports_nothing(house) -> None:
    with pytest.raises(Invalid, match="no key to sign with"):
        look.probe(remote_to="-", once=True)


def test_one_round_is_one_sealed_line(house, said, monkeypatch) -> None:
    with_key(house)
    with pytest.raises(typer.Exit) as ended:
        look.probe(remote_to="-", once=True)
    assert ended.value.exit_code == 0 and said()


def test_reports_of_another_machine_are_taken_and_forgeries_are_said(house, monkeypatch, capsys) -> None:
    with_key(house, ", vantages: {far: {key: 'file:detect.key'}}")
    now = house.app.clock.now()
    key = key_of("a key that two machines share, and nobody else")
    good = seal(Batch("far", int(now * 1000), now, (signal(Result.OK, at=now),)), key)
    forged = seal(Batch("far", int(now * 1000) + 1, now, ()), key_of("another key that is long enough to be one"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"\n{good}\n{forged}\nno batch at all\n"))
    look.probe(receive=True)
    told = capsys.readouterr().err
    assert told.count("warning: ") == 2 and told.rstrip().endswith("1 round(s) taken")


# -- people ----------------------------------------------------------------------------------------------------------


def test_a_problem_is_written_down_by_person_and_plane(house, said) -> None:
    look.report("Outlook does\nnot open", plane="mailbox")
    assert said()["kind"] == "reported"
    look.report(resolved=True)
    assert said()["kind"] == "resolved"
    look.report("sure", plane="inbound", declare=True)
    assert said()["kind"] == "declared"
    lines = [json.loads(line) for line in (house.folder / ".bcp" / "problems.jsonl").read_text().splitlines()]
    assert [(line["plane"], line["kind"]) for line in lines] == [
        ("mailbox", "reported"),
        ("mailbox", "resolved"),
        ("inbound", "declared"),
    ]
    assert lines[0]["text"] == "Outlook does not open"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"text": "x", "plane": "mail"}, "one of inbound"),
        ({"text": "x", "declare": True, "resolved": True}, "contradict"),
        ({"text": ""}, "say what is wrong"),
        ({"text": "", "declare": True}, "say what is wrong"),
    ],
)
def test_a_report_that_says_nothing_is_not_written(house, given, words) -> None:
    with pytest.raises(Invalid, match=words):
        look.report(**given)
    assert not (house.folder / ".bcp" / "problems.jsonl").exists()


# -- what was seen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", ["", "yesterday", "-1d", "9999d"])
def test_a_time_that_is_none_is_refused(house, since) -> None:
    with pytest.raises(Invalid, match=r"is not a duration|longer than a year") as caught:
        look.history(since=since)
    assert "--since 24h" in caught.value.hint


def test_before_anything_was_seen(house, said, as_json, capsys) -> None:
    look.history(since="1h")
    found = said()
    assert (found["incidents"], found["uptime"], found["verdicts"], found["looks"]) == ([], {}, [], [])
    with pytest.raises(Invalid, match="nothing was seen yet"):
        look.history(prometheus=True)
    as_json.json = False
    look.history()
    assert "0 outage(s) confirmed" in capsys.readouterr().out


def test_what_was_seen_is_told_for_people(monkeypatch) -> None:
    """Outages with how fast they were found, one that is not over, uptime by plane, verdicts and stretches of looks;
    times as people here read them, with the day where it is another than today."""
    monkeypatch.setattr(look.render.OUT, "zone", "Europe/Berlin")
    began = datetime(2026, 1, 22, 17, 45, tzinfo=UTC).timestamp()
    outage = {"since": "2026-01-22T17:45:00Z", "classes": ["B"], "detect_s": 90.0, "lasted_s": 3600.0}
    data = {
        "since": "2026-01-22T00:00:00Z",
        "incidents": [
            {**outage, "switched_s": 600.0},
            {**outage, "classes": [], "lasted_s": None, "switched_s": None},
        ],
        "uptime": {"inbound": {"share": 0.5, "known": 4}, "auth": {"share": None, "known": 0}},
        "verdicts": [{"at": began + 90, "state": "down", "classes": ["B"], "stage": "confirmed", "action": "switch"}],
    }
    row = SimpleNamespace(
        first=began - 86_400, probe="p", vantage="here", result="fail", looks=7, evidence="421 too busy " + "x" * 60
    )
    told = look._history_text(data, [row], began - 86_400, [began, began - 86_400], began + 7_200)
    lines = told.splitlines()
    assert lines[:4] == [
        "Since 21 Jan 18:45 CET:",
        "2 outage(s) confirmed",
        "  18:45 CET class B: found after 1m 30s, lasted 1h, MX moved after 10m",
        "  21 Jan 18:45 CET class ?: found after 1m 30s, not over",
    ]
    assert lines[4] == "  inbound    50.000 % of 4 looks went well" and "auth" not in "\n".join(lines)
    assert lines[5] == "  18:46 CET down class B [confirmed] switch"
    assert lines[6].startswith("  21 Jan 18:45 CET p@here fail x7 421 too busy") and len(lines[6]) < 90
