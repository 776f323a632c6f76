"""The API as a program meets it: a daemon's application, asked in process."""

from __future__ import annotations

import pytest
from visits import Visit, place

__all__ = ["place"]


# -- the API ---------------------------------------------------------------------------------------------------------

READ = ("/verdict", "/incidents", "/questions", "/runs", "/playbooks")


def test_the_api_needs_a_token_with_the_scope(place) -> None:
    async def work(v: Visit) -> None:
        for path in READ:
            assert (await v.api("GET", path)).status_code == 401
            assert (await v.api("GET", path, "report")).status_code == 403
            assert (await v.api("GET", path, "read")).status_code == 200

    place.visit(work)


def test_what_is_read_is_what_is_written_down(place) -> None:
    run = place.house.holding()
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")

    async def work(v: Visit) -> None:
        one = (await v.api("GET", f"/runs/{run}", "read")).json()
        assert one["id"] == run and {s["id"] for s in one["steps"]} >= {"mx"}
        assert (await v.api("GET", f"/incidents/{found.id}", "read")).json()["title"] == "no mail"
        shown = await v.api("GET", f"/runs/{run}/abort", "read")
        assert shown.status_code == 200
        for path in ("/runs/run-none", "/incidents/inc-none", "/runs/run-none/abort"):
            answer = await v.api("GET", path, "read")
            assert answer.status_code == 404 and answer.json()["rule"]

    place.visit(work)


@pytest.mark.parametrize(
    ("path", "scope", "body", "status"),
    [
        ("/questions/q-none/answer", "approve", {"answer": "yes", "checksum": "a" * 12}, {404, 422}),
        ("/runs/run-none/abort", "run", {"reason": "x"}, {404}),
        ("/runs/run-none/settle", "run", {"what": "mx", "happened": True}, {404, 422}),
        ("/runs/run-none/acknowledge", "run", None, {404}),
        ("/runs/run-none/resume", "run", None, {404}),
        ("/runs/run-none/failback", "run", None, {404}),
        ("/plans", "run", {"playbook": "no-such"}, {400, 404}),
        ("/plans", "run", {"playbook": 7}, {422}),
        ("/plans/none/run", "run", None, {404}),
        ("/sends", "run", {"message": "no-such", "audience": "staff"}, {400, 404}),
        ("/sends/stop", "run", {}, {404, 409}),
        ("/incidents", "run", {"title": " "}, {400, 422}),
        ("/incidents/inc-none/close", "run", {"reason": "x"}, {404}),
        ("/incidents/inc-none/reopen", "run", {"reason": "x"}, {404}),
        ("/reports", "report", {"text": "x", "who": "a", "plane": "no-such"}, {400, 422}),
    ],
)
def test_what_a_program_cannot_do_has_a_status_and_a_reason(place, path, scope, body, status) -> None:
    async def work(v: Visit) -> None:
        assert (await v.api("POST", path, "read", body=body)).status_code == 403
        answer = await v.api("POST", path, scope, body=body)
        assert answer.status_code in status and answer.json()["detail"], (answer.status_code, answer.text)

    place.visit(work)


def test_a_program_declares_closes_and_reports(place) -> None:
    async def work(v: Visit) -> None:
        made = await v.api("POST", "/incidents", "run", body={"title": "no mail", "classes": ["B"]})
        assert made.status_code == 201 and made.json()["state"] == "declared"
        name = made.json()["id"]
        assert (await v.api("POST", f"/incidents/{name}/close", "run", body={"reason": "ok"})).status_code == 200
        assert (await v.api("POST", f"/incidents/{name}/reopen", "run", body={"reason": "no"})).status_code == 200
        told = await v.api("POST", "/reports", "report", body={"text": "slow", "plane": "mailbox", "who": "a"})
        assert told.status_code == 202 and (place.house.folder / ".bcp" / "problems.jsonl").exists()

    place.visit(work)
