"""``bcp init`` as people meet it: at a terminal, stopped and gone on with, from a file, from options."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import bcp

from bcp.deeds.begin.memory import keep
from bcp.kernel.errors import Invalid
from bcp.testing.command import environment

ANSWERS = """\
domains: [corp.test]
name: Corp
timezone: Europe/Berlin
resolvers: 127.0.0.1:1
channels: [status-page]
page_url: https://status.out.test
people:
  - Alice Weber, +491701234567
  - {name: Bob, email: bob@private.test}
"""


def test_a_file_of_answers_asks_nothing_and_is_valid(tmp_path) -> None:
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    done = bcp("--output", "json", "init", "--answers", "answers.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema"] == "bcp.written/1" and len(told["files"]) == 4
    assert bcp("config", "check", cwd=tmp_path).returncode == 0
    assert (tmp_path / "secrets" / "code-alice").stat().st_mode & 0o077 == 0
    again = bcp("init", "--answers", "answers.yaml", cwd=tmp_path)
    assert again.returncode == 2 and "exists already" in again.stderr


def test_codes_and_people_that_are_there_are_not_replaced(tmp_path) -> None:
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    assert bcp("init", "--answers", "answers.yaml", cwd=tmp_path).returncode == 0
    before = (tmp_path / "secrets" / "code-alice").read_text()
    (tmp_path / "contacts.csv").write_text("id,name\nalice,Alice\n")
    assert bcp("init", "--force", "--answers", "answers.yaml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "secrets" / "code-alice").read_text() == before
    assert (tmp_path / "contacts.csv").read_text() == "id,name\nalice,Alice\n"


@pytest.mark.parametrize(("people", "alone"), [(1, True), (2, False)])
def test_who_can_be_approved_by_nobody_hears_it_at_once(tmp_path, people: int, alone: bool) -> None:
    text = ANSWERS if people == 2 else ANSWERS.replace("  - {name: Bob, email: bob@private.test}\n", "")
    (tmp_path / "a.yaml").write_text(text.replace("[status-page]", "[sms, page]") + "twilio_from: '+12025550100'\n")
    done = bcp("init", "--answers", "a.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("Only one person can approve" in done.stdout) is alone
    kept = (tmp_path / "bcp.yaml").read_text()
    assert "kind: twilio-sms" in kept and "kind: status-page" in kept  # by the names that people have for them


def test_wrong_answers_are_all_told_and_nothing_is_written(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(ANSWERS.replace("Europe/Berlin", "Nowhere") + "canary: me@else.test\n")
    done = bcp("--output", "json", "init", "--answers", "a.yaml", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"]) == (2, 2)
    assert "timezone" in told["message"] and "canary" in told["message"] and "Mend a.yaml" in told["hint"]
    assert not (tmp_path / "bcp.yaml").exists()


def test_what_is_said_to_go_on_goes_on_as_it_is_typed(tmp_path) -> None:
    """In another folder too; and a name that is proposed is one that people read."""
    first = bcp("init", "--folder", "our bcp", cwd=tmp_path, stdin="xn--mnchen-3ya.test\n\n")
    assert first.returncode == 2 and "[München]" in first.stderr, first.stderr
    line = re.search(r"bcp init --folder '[^']+'", " ".join(first.stderr.split()))
    assert line, first.stderr
    again = bcp(*shlex.split(line[0])[1:], cwd=tmp_path, stdin="")
    assert "2 answer(s) are kept" in again.stderr, again.stderr


def test_the_end_of_input_keeps_what_was_answered_and_a_later_start_goes_on(tmp_path) -> None:
    """Each answer is checked when it is given: a wrong one is asked again and not kept."""
    first = bcp("init", cwd=tmp_path, stdin="corp\ncorp.test\n\nNowhere\nEurope/Berlin\n")
    assert first.returncode == 2 and "stopped at 'hotline'" in first.stderr
    assert "only one label" in first.stderr and "Nowhere" in first.stderr
    kept = json.loads((tmp_path / ".bcp-init.json").read_text())
    assert (kept["domains"], kept["name"], kept["timezone"]) == (["corp.test"], "Corp", "Europe/Berlin")
    rest = "\n\n\n\n\n\nhttps://status.out.test\nAlice, +491701234567\n"
    second = bcp("init", cwd=tmp_path, stdin=rest)
    assert second.returncode == 2 and "3 answer(s) are kept" in second.stderr
    third = bcp("init", cwd=tmp_path, stdin="Bob\n\n")
    assert third.returncode == 0, third.stderr
    assert not (tmp_path / ".bcp-init.json").exists()
    assert (tmp_path / "contacts.csv").read_text().count("staff;oncall") == 2, "Alice was answered before the stop"


def test_a_literal_secret_is_never_kept_nor_shown(tmp_path) -> None:
    lines = "corp.test\n\n\n\nmx.out.test\nrfc2136\n192.0.2.53\n\nhunter2hunter2\n"
    done = bcp("init", cwd=tmp_path, stdin=lines)
    assert done.returncode == 2 and "not the secret" in done.stderr
    assert "hunter2" not in done.stderr + (tmp_path / ".bcp-init.json").read_text()


def test_anew_forgets(tmp_path) -> None:
    bcp("init", cwd=tmp_path, stdin="corp.test\n")
    done = bcp("init", "--anew", cwd=tmp_path, stdin="")
    assert "stopped at 'domains'" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_control_c_at_a_terminal_keeps_what_was_answered(tmp_path) -> None:
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "bcp", "init"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=child, stdout=child, stderr=child, env=environment()) as process:
        try:
            os.close(child)
            read_until(parent, b"mail domains")
            os.write(parent, b"corp.test\n")
            read_until(parent, b"Your organisation")
            until_it_listens(process.pid)
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130
        finally:
            process.kill()  # else leaving this block waits for it for ever
            os.close(parent)
    assert json.loads((tmp_path / ".bcp-init.json").read_text())["domains"] == ["corp.test"]


def until_it_listens(pid: int, seconds: float = 120.0) -> None:
    """Until it sleeps in the read after its question. A Ctrl-C a moment before that is seen only at the next key: no
    program in Python can do better, and a person presses it again."""
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < end
        time.sleep(0.01)


def read_until(descriptor: int, words: bytes, seconds: float = 120.0) -> bytes:
    """What came up to these words; fails when they do not come."""
    seen, end = b"", time.monotonic() + seconds
    while words not in seen:
        left = end - time.monotonic()
        poll = select.poll()  # ``select.select`` takes no descriptor above 1,023
        poll.register(descriptor, select.POLLIN)
        assert left > 0 and poll.poll(left * 1000), seen
        seen += os.read(descriptor, 4096)
    return seen


def test_options_alone_are_enough_and_several_domains_are_taken(tmp_path) -> None:
    done = bcp("init", "--domain", "corp.test", "--domain", "b.test", "--relay", "mx.out.test", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "bcp.yaml").read_text()
    assert "- name: b.test" in text and "kind: manual" in text
    assert bcp("config", "check", cwd=tmp_path).returncode == 0


def test_an_answer_can_be_taken_back(tmp_path) -> None:
    """``<`` goes to the question before, as often as somebody likes, up to the domains; of several people, the last."""
    lines = ["<", "crop.test", "<", "corp.test", "Crop", "<", "Corp", *[""] * 5, "status-page", "", "<", "pages", ""]
    people = ["Alice, +491701234567", "Bbo", "<", "Alice W, +491701234567", "Bob", ""]
    done = bcp("init", cwd=tmp_path, stdin="\n".join([*lines, *people, ""]))
    assert done.returncode == 0, done.stderr
    assert "this is the first question" in done.stderr and "taken back: Bbo" in done.stderr
    assert "is how Alice is reached already" in done.stderr
    text = (tmp_path / "bcp.yaml").read_text()
    assert "corp.test" in text and "crop.test" not in text and "name: Crop" not in text and "pages" in text
    kept = (tmp_path / "contacts.csv").read_text()
    assert [line.partition(",")[0] for line in kept.splitlines()] == ["id", "alice", "bob"]


def test_a_folder_that_cannot_be_one_is_wrong_input(tmp_path) -> None:
    """A file of that name, or a place where nothing can be made: not a fault of ours."""
    (tmp_path / "there").write_text("")
    for folder in (tmp_path / "there", tmp_path / "there" / "below"):
        with pytest.raises(Invalid) as caught:
            keep(folder, {"name": "Corp"})
        assert str(folder) in caught.value.message and "--folder" in caught.value.hint
