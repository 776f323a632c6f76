"""A text is worked out once: who asks again gets the same, and nobody changes it for the next one."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Invalid
from bcp.playbook.load import Loaded, input_values, load, loads
from bcp.wiring.shipped import SHIPPED

TEXT = 'version: 1\nname: quiet\ntitle: Quiet\nactivation:\n  - {id: a, uses: shell, with: {run: ["true"]}}\n'


def fresh(text: str) -> Loaded:
    return loads.__wrapped__(text)


def test_the_same_text_is_the_same_playbook() -> None:
    assert loads(TEXT) is loads(TEXT)
    assert loads(TEXT, "a.yaml") is not loads(TEXT, "b.yaml"), "problems are told by their file"
    other = loads(TEXT.replace("id: a", "id: b"))
    assert [s.id for s in other.steps] == ["b"] and [s.id for s in loads(TEXT).steps] == ["a"]


def test_a_wrong_text_is_wrong_each_time() -> None:
    for _ in range(2):
        with pytest.raises(Invalid) as caught:
            loads("- a list")
        assert [p.rule for p in caught.value.problems] == ["playbook.shape"]


@pytest.mark.parametrize("name", ["exchange-inbound-outage", "exchange-failback"])
def test_reading_it_changes_nothing(name) -> None:
    """Inputs are worked out from it, its steps are looked at, and it is as before."""
    text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    once = loads(text)
    input_values(once.book, {})
    assert [once.step(s.id) for s in once.steps] == list(once.steps)
    assert repr(once) == repr(fresh(text))


def test_a_file_is_read_anew_each_time(tmp_path) -> None:
    """Somebody edits it while the daemon runs."""
    path = tmp_path / "quiet.yaml"
    path.write_text(TEXT)
    assert load(path).book.title == "Quiet"
    path.write_text(TEXT.replace("title: Quiet", "title: Loud"))
    assert load(path).book.title == "Loud"
