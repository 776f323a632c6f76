"""A shared phone is one person: lint, plan and gate say so, whatever the names are."""

from __future__ import annotations

from bcp.deeds.bind import bind
from bcp.engine.approvals import DryApprovals
from bcp.playbook.lint import lint
from bcp.playbook.load import loads

from .house import BOOK


def test_lint_and_plan_refuse_a_gate_of_two_behind_one_phone(house) -> None:
    """Alice and Bob with phones of their own may; with one phone they are one."""
    text = BOOK.replace("min: 1", "min: 2")

    def rules() -> list[str]:
        house.app.people.forget()
        return [p.rule for p in lint(loads(text), house.app.playbooks.catalogue()) if p.severity == "error"]

    assert "approval-unanswerable" not in rules()
    contacts = house.folder / "contacts.csv"
    contacts.write_text(contacts.read_text().replace("+12025550102", "+12025550101"))
    assert "approval-unanswerable" in rules()
    dry = DryApprovals(house.app.people.approvers, "carol")

    class Services:
        approvals = dry

    bind(house.app, Services())  # type: ignore[arg-type]
    assert "share a number" in dry.answerable(["group:oncall"], 2, exclude_initiator=True)
    assert dry.answerable(["group:oncall"], 1, exclude_initiator=True) == ""
