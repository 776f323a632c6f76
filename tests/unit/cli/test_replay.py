"""``bcp replay``: what is played, how it is judged, and the exit code."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import typer

from bcp import replay as played
from bcp.cli import render, replay
from bcp.detect import worlds
from bcp.kernel.errors import Invalid


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


def test_shipped_outages_are_listed(said) -> None:
    replay.replay(listing=True)
    assert said()["outages"] == {n: played.load(p)[0].title for n, p in played.shipped().items()}


def test_the_schema_of_the_format_is_printed(said) -> None:
    replay.replay(schema=True)
    assert "properties" in said()


def test_something_must_be_named() -> None:
    with pytest.raises(Invalid, match="which outage"):
        replay.replay()


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A short shipped outage, for changing."""
    path = tmp_path / "one.yaml"
    path.write_text(played.shipped()["blip"].read_text())
    return path


def test_an_outage_that_holds_is_told_with_its_timeline(said, one, as_json, capsys) -> None:
    replay.replay([str(one)])
    found = said()
    assert found["held"] is True and found["replays"][0]["timeline"] and found["replays"][0]["expectations"]
    as_json.json = False
    replay.replay([str(one)])
    long = capsys.readouterr().out
    replay.replay([str(one)], check=True)
    short = capsys.readouterr().out
    assert "held" in long and len(short) < len(long) and short.startswith("ok ")


def test_an_expectation_that_does_not_hold_is_named_with_its_line(one, as_json, capsys, monkeypatch) -> None:
    good = played.play(one)
    broken = good.findings[0]
    monkeypatch.setattr(
        played, "play", lambda path: _with(good, held=False, findings=(_with(broken, held=False, got="up", line=7),))
    )
    as_json.json = False
    with pytest.raises(typer.Exit) as ended:
        replay.replay([str(one)], check=True)
    told = "".join(capsys.readouterr().out.split("\n"))
    assert ended.value.exit_code == 1 and "1 not met" in told and "FAILED" in told and ":7]" in told


class _With:
    """A thing with some of its parts changed."""

    def __init__(self, thing, parts) -> None:
        self.__dict__.update(parts)
        self.thing = thing

    def __getattr__(self, name):
        return getattr(self.thing, name)


def _with(thing, **parts):
    return _With(thing, parts)


@pytest.mark.parametrize(
    ("harms", "misses", "verdict", "code"),
    [((), (), "right", 0), (("moved a healthy domain",), (), "harm", 1), ((), ("saw nothing",), "miss", 1)],
)
def test_a_folder_is_judged_by_the_truth_of_its_files(one, said, monkeypatch, harms, misses, verdict, code) -> None:
    class Found:
        def __init__(self, text: str) -> None:
            self.text = text

        def say(self) -> str:
            return self.text

    good = played.play(one)
    score = _with(
        None,
        harms=tuple(map(Found, harms)),
        misses=tuple(map(Found, misses)),
        verdict_s=90.0,
        truth=("B",),
    )
    monkeypatch.setattr(played, "play", lambda path: _with(good, held=True, score=score, file=good.file))
    if code:
        with pytest.raises(typer.Exit) as ended:
            replay.replay(scores=str(one.parent))
        assert ended.value.exit_code == code
    else:
        replay.replay(scores=str(one.parent))
    found = said()
    assert found[verdict] == 1 and found["files"][0]["verdict"] == verdict and found["files"][0]["took"] == "1m 30s"
    assert found["files"][0]["why"] == "; ".join((*harms, *misses))


def test_a_file_without_a_truth_is_not_judged_and_its_expectations_count(one, said, monkeypatch) -> None:
    good = played.play(one)
    lost = _with(good.findings[0], held=False, text="it is down at +5m")
    monkeypatch.setattr(played, "play", lambda path: _with(good, held=False, score=None, findings=(lost,)))
    with pytest.raises(typer.Exit):
        replay.replay(scores=str(one.parent))
    (row,) = said()["files"]
    assert (row["verdict"], row["truth"], row["why"], row["held"]) == ("unjudged", "?", "it is down at +5m", False)


def test_a_folder_without_outages_is_refused(tmp_path) -> None:
    with pytest.raises(Invalid, match="no outage file"):
        replay.replay(scores=str(tmp_path))


def test_made_up_outages_that_go_wrong_are_named_by_seed(said, monkeypatch) -> None:
    replay.replay(worlds=2, seed=5)
    assert said() == {"schema": "bcp.worlds/1", "played": 2, "bad": {}}
    monkeypatch.setattr(worlds, "make", lambda n: n)
    monkeypatch.setattr(
        worlds, "play", lambda n: _with(None, harms=["moved"] if n == 6 else [], misses=["late"] if n == 7 else [])
    )
    with pytest.raises(typer.Exit):
        replay.replay(worlds=3, seed=5)
    assert said()["bad"] == {"6": ["moved"], "7": ["late"]}


def test_one_file_that_is_wrong_spoils_no_other_of_the_folder(one, tmp_path, as_json, capsys) -> None:
    """It is said where it is wrong, the others are judged, and what is probably not meant is said as well."""
    text = one.read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("result: fail", "result: fial", 1))
    (tmp_path / "late.yml").write_text(text.replace("at: ", "at: 99d, until: 100d, x: ", 1))
    (tmp_path / "typo.yaml").write_text(text.replace("kind: timeout", "kind: 5yy"))
    with pytest.raises(Invalid) as caught:
        replay.replay(scores=str(tmp_path))
    places = [(Path(p.file).name, p.line > 0, p.column > 0) for p in caught.value.problems]
    assert {("wrong.yaml", True, True), ("late.yml", True, True)} <= set(places)
    found = json.loads(capsys.readouterr().out)
    assert found["unread"] == 2 and found["right"] + found["miss"] + found["harm"] == 2
    as_json.json = False
    for file in ("wrong.yaml", "late.yml"):
        (tmp_path / file).unlink()
    with contextlib.suppress(typer.Exit):
        replay.replay(scores=str(tmp_path))
    table = capsys.readouterr().out
    assert "could not be read" not in table and "[outage.doubt]" in table and "'5yy' is no word" in table


def test_a_doubt_is_said_below_what_was_played(one, as_json, capsys) -> None:
    """It is no error: the file is played."""
    one.write_text(one.read_text().replace("kind: timeout", "kind: tmieout"))
    as_json.json = False
    with contextlib.suppress(typer.Exit):
        replay.replay([str(one)], check=True)
    assert "warning: 'tmieout' is no word for what was seen" in capsys.readouterr().out
