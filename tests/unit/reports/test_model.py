"""The report of a run: every delivery is counted, times are those of the ledger, and nothing in it is a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deeds.house import CONFIG, CONTACTS, House

from bcp.kernel import secret
from bcp.kernel.clock import iso
from bcp.reports.model import report_data
from bcp.reports.write import ReportWriter

OK = {"status": "ok", "outputs": {}}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A small organisation with real files."""
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / ".bcp").mkdir()
    return House(tmp_path)


def finished(step: str, **outputs) -> tuple[str, str, dict]:
    return ("step_finished", step, {"status": "ok", "outputs": outputs})


def data(house: House, name: str = "run-1", **given) -> dict:
    return report_data(house.runs.view(name), organisation="Corp", **given)


def effects(house: House, run: str, *rows: tuple[str, dict, dict | None]) -> None:
    """Effects of a run: key, request, and how it was settled (``None``: it was not)."""

    async def write() -> None:
        journal = house.open(run)
        for key, request, outcome in rows:
            await journal.claim(key, "mx", request)
            if outcome is not None:
                await journal.settle(key, outcome)
        journal.close()

    house.do(write())


# -- times -----------------------------------------------------------------------------------------------------------


def test_times_count_from_the_first_failed_look_and_else_from_the_start(house) -> None:
    house.run("plain")
    assert data(house, "plain")["achieved"]["counted_from"].startswith("the start of the run")
    house.run("seen", events=[finished("gate", since=house.now - 600)])
    found = data(house, "seen")["achieved"]
    assert (found["outage_since"], found["exact"]) == (iso(house.now - 600), False)
    assert found["counted_from"].startswith("the first failed look")


def test_what_was_achieved_stands_beside_what_was_wanted(house) -> None:
    """The relay's own record says when mail was received again; neither the switch nor a test mail of ours does."""
    seen = finished("gate", since=house.now - 600)
    house.run("switch", events=[seen, finished("mx", safe_at=house.now + 300)])
    found = data(house, "switch")["achieved"]
    assert found["switched_s"] >= 600 and found["caches_safe_s"] == 900 and "rto_receive_s" not in found
    took = finished("tool", arrivals=[house.now + 50.0])
    house.run("taken", events=[seen, finished("mx", safe_at=house.now + 300), took])
    found = data(house, "taken")["achieved"]
    assert found["rto_receive_s"] == 650.0 >= found["switched_s"]


def test_a_step_that_failed_achieved_nothing(house) -> None:
    failed = ("step_finished", "mx", {"status": "failed", "outputs": {"safe_at": house.now}})
    house.run(events=[finished("gate", since=house.now - 60), failed])
    assert "switched_s" not in data(house)["achieved"]


def test_the_way_back_has_no_recovery_time(house) -> None:
    house.run("run-1")
    house.run("back", parent="run-1", events=[finished("mx", safe_at=house.now), finished("tool", sent=3)])
    found = data(house, "back")["achieved"]
    assert "switched_s" in found and "rto_receive_s" not in found and "rto_communicate_s" not in found


@pytest.mark.parametrize(("target", "met"), [(10_000, True), (1, False), (None, None)])
def test_an_objective_is_met_missed_or_not_known(house, target, met) -> None:
    took = finished("tool", arrivals=[house.now + 50.0])
    house.run(events=[finished("mx", safe_at=house.now), took])
    view = house.runs.view("run-1")
    view.record.meta["objectives"] = {"rto_receive": target, "rto_communicate": 60}
    view.record.meta["plan"]["outage"] = {"at": house.now - 600, "exact": True, "source": "watch"}
    rows = {r["objective"]: r for r in report_data(view, organisation="Corp")["objectives"]}
    assert rows["rto_communicate"]["met"] is None and rows["rto_communicate"]["achieved_s"] is None
    assert ("rto_receive" in rows) is (target is not None)
    if target is not None:
        assert rows["rto_receive"]["met"] is met


# -- messages --------------------------------------------------------------------------------------------------------


def test_every_delivery_is_counted_once_by_what_became_of_it(house) -> None:
    house.run()
    sms = {"channel": "sms", "to": "+1***01", "segments": 2, "text": "t"}
    effects(
        house,
        "run-1",
        ("mx/sms/1", sms, {"state": "sent", "receipt": "SM1"}),
        ("mx/sms/2", sms, {"state": "sent", "receipt": "SM2"}),
        ("mx/sms/3", sms, {"state": "failed", "reason": "opted out"}),
        ("mx/sms/4", sms, {"state": "scheduled"}),
        ("mx/sms/5", sms, None),
        ("mx/sms/4/back", sms, {"state": "taken back"}),
        ("mx/dns", {"domain": "corp.test"}, {"state": "swapped"}),
    )
    found = data(house, reported=lambda receipts: {r: "delivered" for r in receipts if r == "SM1"})
    (row,) = found["messages"]
    assert (row["sent"], row["failed"], row["scheduled"], row["in_doubt"], row["segments"]) == (2, 1, 1, 1, 4)
    assert row["receipts"] == ["SM1", "SM2"] and row["reasons"] == ["+1***01: opted out"]
    assert row["reported"] == {"delivered": 1}
    assert [d["key"] for d in found["in_doubt"]] == ["mx/sms/5"]
    assert "reported" not in data(house)["messages"][0]


def test_long_lists_of_receipts_and_reasons_are_cut_and_the_counts_are_not(house) -> None:
    house.run()
    sms = {"channel": "sms", "to": "x"}
    rows = [(f"mx/sms/{i}", sms, {"state": "sent", "receipt": f"R{i}"}) for i in range(12)]
    rows += [(f"mx/sms/f{i}", sms, {"state": "failed", "reason": "no"}) for i in range(12)]
    effects(house, "run-1", *rows)
    (row,) = data(house)["messages"]
    assert (row["sent"], row["failed"], len(row["receipts"]), len(row["reasons"])) == (12, 12, 10, 10)


def test_how_many_mails_the_relay_held_over_all_runs_of_the_outage(house) -> None:
    house.run("run-1", events=[finished("mx", queued=7), finished("tool", queued="many")])
    house.run("back", parent="run-1", events=[finished("mx", left=0), finished("tool", left=-1)])
    found = data(house, "run-1", children=[house.runs.view("back")])
    assert [held for _, held in found["mails"]] == [7, 0]
    assert [c["run"] for c in found["follows"]] == ["back"]


# -- the timeline ----------------------------------------------------------------------------------------------------


def test_the_timeline_tells_what_people_want_to_know(house) -> None:
    house.run(
        events=[
            ("phase_started", "", {"phase": "hold"}),
            ("something_small", "", {}),
            ("stopped", "", {"actor": "alice", "reason": "wrong button"}),
            ("doubt_settled", "mx", {"actor": "bob", "happened": True, "detail": "seen"}),
        ]
    )
    found = data(house)
    told = [(e["kind"], e["actor"], e["text"]) for e in found["timeline"]]
    assert ("phase_started", "", "hold") in told and ("stopped", "alice", "wrong button") in told
    assert "something_small" not in {k for k, _, _ in told}
    assert [(d["by"], d["step"]) for d in found["doubts_settled"]] == [("bob", "mx")]


def test_a_playbook_whose_text_is_lost_is_called_by_its_name(house) -> None:
    house.run()
    assert data(house)["title"] == "Out"
    view = house.runs.view("run-1")
    view.plan["playbook_text"] = "no: [playbook"
    assert report_data(view, organisation="Corp")["title"] == "out"


# -- the files -------------------------------------------------------------------------------------------------------


def test_a_report_is_written_as_data_and_as_a_page(house, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(secret, "_known", {})
    secret.remember("hunter22")
    house.run(events=[finished("mx", note="hunter22"), finished("tool")])
    house.run("back", parent="run-1")
    writer = ReportWriter(house.runs, tmp_path / "reports", "Corp")
    paths = house.do(writer.write("run-1", ("html", "json")))
    text = Path(paths["json"]).read_text()
    found = json.loads(text)
    assert found["organisation"] == "Corp" and found["answers"] == {} and found["follows"][0]["run"] == "back"
    page = Path(paths["html"]).read_text()
    assert "hunter22" not in text + page and page.startswith("<!doctype html>")
    assert Path(paths["json"]).stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("content", ["no json", "[]", "7", "\x00"])
def test_answers_are_kept_and_a_damaged_file_of_them_is_none(house, tmp_path, content) -> None:
    house.run()
    writer = ReportWriter(house.runs, tmp_path / "reports", "Corp")
    paths = writer.keep_answers("run-1", {"people": 3, "answers": {}, "silent": ["carol"], "at": "", "unclear": []})
    assert json.loads(Path(paths["json"]).read_text())["answers"]["silent"] == ["carol"]
    (tmp_path / "reports" / "run-1" / "answers.json").write_text(content)
    assert json.loads(Path(writer.write_now("run-1", ("json",))["json"]).read_text())["answers"] == {}
