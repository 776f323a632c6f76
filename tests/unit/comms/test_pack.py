"""Message files that are none, or that say another name than their own."""

from __future__ import annotations

import pytest

from bcp.comms.pack import load_message, load_pack
from bcp.kernel.errors import Invalid, Problem

MESSAGE = "version: 1\nname: late\ntitle: Late\nphase: update\nsms: {en: Mail is late.}\n"


def only_problem(path) -> Problem:
    """The one that is found, by the file and by its folder."""
    with pytest.raises(Invalid) as caught:
        load_message(path)
    (problem,) = caught.value.problems
    with pytest.raises(Invalid):
        load_pack([path.parent])
    return problem


@pytest.mark.parametrize("text", ["", "Mail is late.", "[]", "- version: 1", "7"])
def test_a_file_that_is_no_mapping_is_no_message(tmp_path, text) -> None:
    """It is said what belongs in it."""
    path = tmp_path / "late.yaml"
    path.write_text(text)
    problem = only_problem(path)
    assert problem.rule == "message.shape" and "version, name, title" in problem.message


@pytest.mark.parametrize("file", ["late-2", "Late", "late.en"])
def test_a_file_with_another_name_than_its_message_is_refused(tmp_path, file) -> None:
    """Playbooks name messages: a copy under a new file name would silently stand for the old one."""
    path = tmp_path / f"{file}.yaml"
    path.write_text(MESSAGE)
    problem = only_problem(path)
    assert (problem.rule, problem.line) == ("message.name", 2)
    assert f"called {file}" in problem.message and "the message late" in problem.message


def test_a_message_under_its_own_name_is_read(tmp_path) -> None:
    (tmp_path / "late.yaml").write_text(MESSAGE)
    assert load_message(tmp_path / "late.yaml").forms() == {"sms"}
    assert load_pack([tmp_path]).get("late").file.title == "Late"
