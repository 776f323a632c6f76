"""Plans as files and in memory: what is not there is said in the same way by both."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Invalid, Missing
from bcp.store.files.plans import FilePlans
from bcp.store.memory.state import MemoryPlans


@pytest.fixture(params=["files", "memory"])
def plans(request, tmp_path):
    """Each kind."""
    return FilePlans(tmp_path / "plans") if request.param == "files" else MemoryPlans()


def test_a_plan_that_is_not_there_is_missing(plans) -> None:
    """Before the first one and beside another; asking keeps nothing."""
    for _ in range(2):
        with pytest.raises(Missing, match="'plan-2'") as caught:
            plans.read("plan-2")
        assert caught.value.rule == "no-such-plan" and "bcp plan" in caught.value.hint
        assert "plan-2" not in plans.listed()
        plans.write("plan-1", {"checksum": "c"})
    assert plans.listed() == ["plan-1"] and plans.read("plan-1") == {"checksum": "c"}


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[]", b"[" * 100_000])
def test_a_file_that_is_no_plan_is_not_missing(tmp_path, text) -> None:
    """Somebody has to look at it."""
    plans = FilePlans(tmp_path)
    (tmp_path / "plan-1.json").write_bytes(text)
    with pytest.raises(Invalid, match="is not a plan file") as caught:
        plans.read("plan-1")
    assert not isinstance(caught.value, Missing)
