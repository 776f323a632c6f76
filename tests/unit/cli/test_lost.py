"""What status, doctor and ``bcp serve --check`` say of a state folder that is not whole."""

from __future__ import annotations

import asyncio

import pytest

from bcp.cli import doctor, serve, status_view
from bcp.kernel.errors import Missing
from bcp.store.sqlite.book import Book


def lose(house) -> str:
    """A run that held when somebody deleted its file."""
    run = house.holding()
    lock = house.runs.lock(run)
    assert lock.take()
    house.runs.room.leases.take(run, ["mx:corp.test"])
    house.runs.room.leases.begun(run)
    lock.release()
    house.runs.path(run).unlink()
    return run


@pytest.mark.parametrize("everything", [False, True])
def test_status_names_a_run_whose_file_is_gone(house, capsys, everything) -> None:
    """Beside the runs that are there, on standard error."""
    run = lose(house)
    house.run("run-2")
    status_view.show(everything=everything)
    said = capsys.readouterr()
    assert f"the file of run {run} is gone" in said.err and "mx:corp.test" in said.err and "run-2" in said.out
    with pytest.raises(Missing) as caught:
        status_view.show(run)
    assert caught.value.rule == "run-lost"


def test_status_says_nothing_where_nothing_is_lost(house, capsys) -> None:
    house.holding()
    status_view.show()
    assert capsys.readouterr().err == ""


def test_doctor_and_serve_check_name_what_is_damaged(house) -> None:
    """A run that is lost, a book that is no database, leases that cannot be read; whole ones are named too."""
    state = house.folder / ".bcp"
    book = Book(state / "incidents.db", house.app.clock)
    book.note("started")
    book.close()
    run = lose(house)
    checks = {c.subject: c for c in asyncio.run(doctor._ready(house.app))}
    assert checks[f"state-database {run}"].state == "fail" and "acknowledge" in checks[f"state-database {run}"].hint
    assert checks["state-database incidents.db"].state == checks["state-database leases.db"].state == "ok"
    assert [name for name, text in serve._troubles(house.app) if text.startswith("NO")] == [run]
    house.runs.room.leases.close()
    for name in ("incidents.db", "leases.db"):
        (state / name).write_bytes(b"no database at all" * 500)
    checks = {c.subject: c for c in asyncio.run(doctor._ready(house.app))}
    assert checks["state-database incidents.db"].state == checks["state-database leases.db"].state == "fail"
    assert {n for n, _ in serve._troubles(house.app)} == {"incidents.db", "leases.db"}
