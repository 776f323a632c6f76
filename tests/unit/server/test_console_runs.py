"""Pages of runs and plans that are not there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import Core
from starlette.responses import HTMLResponse, Response

from bcp.kernel.errors import Missing
from bcp.plan.model import Plan
from bcp.server.console import runs


class Site:
    """The console's side, with a run; remembers what pages were made of."""

    def __init__(self, folder: Path) -> None:
        core = Core(folder)
        core.app.configuration = SimpleNamespace(state=folder)
        core.running.views["run-1"] = SimpleNamespace(id="run-1")
        core.running.runs.ids = lambda: ["run-1"]
        self.core, self.pages = core, []
        self.daemon = SimpleNamespace(
            app=core.app, state=folder, writer=SimpleNamespace(do=core.do), core=core, clock=core.clock
        )

    def page(self, request: Any, name: str, session: Any, status: int = 200, **values: Any) -> Response:
        """Nothing is rendered."""
        self.pages.append((name, values))
        return HTMLResponse("", status)


@pytest.fixture
def site(tmp_path) -> Site:
    """In an empty state folder."""
    return Site(tmp_path)


def show(view: Any, site: Site, **params: str) -> Response:
    """What this page is."""
    return asyncio.run(view(site, SimpleNamespace(path_params=params, query_params={}), None))


def refused(view: Any, site: Site, **params: str) -> str:
    """By which rule it is not."""
    with pytest.raises(Missing) as caught:
        show(view, site, **params)
    assert site.pages == [] and caught.value.hint and len(caught.value.message) < 400
    return caught.value.rule


def test_a_run_that_has_not_ended_has_no_report(site, tmp_path) -> None:
    """It is no empty page. A folder without a page in it is none either."""
    assert refused(runs.report, site, run="run-1") == "no-such-report"
    (tmp_path / "reports" / "run-1").mkdir(parents=True)
    assert refused(runs.report, site, run="run-1") == "no-such-report"
    (tmp_path / "reports" / "run-1" / "report.html").write_text("<h1>Ä</h1>")
    found = show(runs.report, site, run="run-1")
    assert bytes(found.body).decode() == "<h1>Ä</h1>"
    assert found.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_report_of_a_run_that_is_not_there_is_no_file_of_that_name(site, tmp_path) -> None:
    """A name from a URL opens nothing that is not a run."""
    (tmp_path / "reports" / "x").mkdir(parents=True)
    (tmp_path / "reports" / "x" / "report.html").write_text("secret")
    for name in ("x", "..", "run-2", ""):
        assert refused(runs.report, site, run=name) == "no-such-run"


@pytest.mark.parametrize("name", ["plan-1", "..", "plan-1.json", "x" * 300, "plan-1\0"], ids=lambda n: ascii(n)[:20])
def test_a_plan_that_is_not_there_has_no_page(site, name) -> None:
    """Whatever stands in the URL, it is a page of ours that says so."""
    assert refused(runs.plan, site, plan=name) == "no-such-plan"


def test_a_plan_that_is_there_may_be_started_until_people_are_asked_about_it(site, tmp_path) -> None:
    """While they are, it waits for them."""
    Plan("plan-1", 1.0, 2.0, "p", "", "", {}, ("a.test",), "f", "real", "alice", False, ()).sealed().write(
        tmp_path / "plans" / "plan-1.json"
    )
    show(runs.plan, site, plan="plan-1")
    ((name, values),) = site.pages
    assert name == "plan.html" and values["p"]["id"] == "plan-1" and values["start"] is True
