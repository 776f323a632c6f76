"""A text may hold what Python takes for the end of a line (U+0085, U+2028, U+2029): a sender's address at the relay, a
server's answer, a word that was pasted on a phone. A line of JSON ends with LF alone."""

from __future__ import annotations

import json

import pytest

from bcp.contracts.channel import Inbound
from bcp.contracts.store import Anchor
from bcp.deeds.stand_ins import Kept
from bcp.kernel.json_in import rows
from bcp.kit.postfix_queue import parse_queue
from bcp.plugins.probes.queue import count
from bcp.plugins.relays.hosted import parse_fates
from bcp.relay.agent import _listing
from bcp.store.files.audit import AuditLog
from bcp.store.files.inbox import add_answer, read_answers
from bcp.store.files.problems import Problem, add_problem, read_problems
from bcp.store.files.words import Line, add_word, read_words
from bcp.store.sqlite.heads import audit_lines
from bcp.store.standalone import audit_chain
from bcp.store.standalone_pack import chains_of, reports_of

ENDS = pytest.mark.parametrize("end", ["\u0085", "\u2028", "\u2029"])


def listed(**row: object) -> str:
    said = {"queue_id": "A1", "queue_name": "deferred", "arrival_time": 5, "sender": "o@s.test", **row}
    return json.dumps({"recipients": [{"address": "a@c.test"}], **said}, ensure_ascii=False)


@ENDS
def test_a_queue_is_read_whatever_a_sender_is_called(end) -> None:
    text = f"{listed(sender=f'o{end}o@s.test')}\n{listed(queue_id='B2')}\r\n\n"
    assert [m.queue_id for m in parse_queue(text)] == ["A1", "B2"]
    assert count(text, set(), 9.0).ids == {"A1", "B2"} and count(text, set(), 9.0).unread == 0
    assert set(_listing(text) or {}) == {"A1", "B2"}


@ENDS
def test_fates_are_read_whatever_a_server_answers(end) -> None:
    row = {"queue_id": "A1", "recipient": "a@c.test", "status": "bounced", "detail": f"550 no{end}way"}
    assert [f.status for f in parse_fates(json.dumps(row, ensure_ascii=False), {"A1"})] == ["bounced"]


@ENDS
def test_what_people_write_is_kept(end, tmp_path) -> None:
    text = f"the call came{end}at nine"
    add_word(tmp_path / "w", Line("declared", "alice", 1.0, 2.0, "B", text))
    assert [w.text for w in read_words(tmp_path / "w")] == [text]
    for _ in range(2):
        add_problem(tmp_path / "p", Problem(1e9, "bob", "inbound", "reported", text))
    assert [p.text for p in read_problems(tmp_path / "p")] == [text, text]
    add_answer(tmp_path, Inbound("+491", text, 5.0, "1"))
    assert [a.text for a in read_answers(tmp_path, 0.0)] == [text]
    kept = Kept(tmp_path / "k")
    for _ in range(2):
        kept.keep("sms", text=text)
    assert [r["text"] for r in kept.rows()] == [text, text]


@ENDS
def test_an_audit_file_is_read_whatever_a_report_is_called(end, tmp_path) -> None:
    """By everybody: the writer of the next line, the checks here, and the exported ``verify.py``."""
    audit = AuditLog(tmp_path / "audit.jsonl", b"")
    audit.anchor(Anchor("reports/one", "a" * 64, "written", 1.0, files={f"Januar{end}1.html": "b" * 64}))
    audit.anchor(Anchor(f"run-{end}2", "c" * 64, "done", 2.0, 3))
    assert audit.read().damage == "" and set(audit.read().anchors) == {f"run-{end}2"}
    chain, anchors, damage = audit_chain(audit_lines(tmp_path))
    assert (len(chain), set(anchors), damage) == (2, {f"run-{end}2"}, "")
    assert chains_of(tmp_path).wrong == []
    assert reports_of(tmp_path, chains_of(tmp_path))[0] == [
        f"reports/one/Januar{end}1.html is gone; it was written at 1970-01-01 00:00:01 UTC"
    ]


def test_a_line_of_many_files_is_followed_by_the_next(tmp_path) -> None:
    """Longer than what is read of the file's end at first."""
    audit = AuditLog(tmp_path / "audit.jsonl", b"")
    audit.anchor(Anchor("run-1", "a" * 64, "done", 1.0))
    audit.anchor(Anchor("reports/x", "a" * 64, "written", 1.0, files={f"{i}.html": "b" * 64 for i in range(200)}))
    audit.anchor(Anchor("run-2", "c" * 64, "done", 2.0))
    assert audit.read().damage == "" and set(audit.read().anchors) == {"run-1", "run-2"}


def test_a_line_that_is_nested_too_deep_is_one_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "audit.jsonl").write_text("[" * 100_000 + "\n")
    assert "audit.jsonl:1 cannot be read" in AuditLog(tmp_path / "audit.jsonl", b"").read().damage
    assert chains_of(tmp_path).wrong == ["the audit file: line 1 cannot be read"]


def test_only_lf_ends_a_line() -> None:
    assert rows('{"a": "\u2028"}\n\n {"b": 1}\r\n') == ['{"a": "\u2028"}', ' {"b": 1}\r'] and rows("") == []


def test_two_mails_under_one_id_hide_nobody() -> None:
    """A service that uses ids again, or a mail that moves while queue after queue is read."""
    text = f"{listed()}\n{listed(queue_name='active', recipients=[{'address': 'b@c.test'}])}"
    (mail,) = parse_queue(text)
    assert (mail.recipients, mail.queue) == (("a@c.test", "b@c.test"), "active")
