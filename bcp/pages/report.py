"""The report of a run as one self-contained page that prints well. Pure: the data of ``bcp.report/1`` in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bcp.kernel.units import format_duration
from bcp.pages.mail import mail_section
from bcp.pages.palette import look, tone
from bcp.pages.plots import curve, spans
from bcp.pages.render import page
from bcp.pages.times import Times, listed, plural, seconds_of

Data = Mapping[str, Any]
SILENT_SHOWN = 200
_KINDS = {
    "run_started": ("The run starts", "busy"), "phase_started": ("Phase", ""), "gate_opened": ("Asks", "warn"),
    "approved": ("Approved", "ok"), "answer_refused": ("An answer does not count", "warn"),
    "step_retry": ("Tries again", "warn"), "step_progress": ("How far it is", "busy"),
    "undo_started": ("Undo begins", "warn"), "undo_finished": ("Undo", ""),
    "doubt_settled": ("A person says what happened", "ok"), "doubt_stands": ("Still in doubt", "warn"),
    "in_doubt": ("In doubt", "warn"), "stopped": ("Stops", "warn"), "resumed": ("Goes on", "busy"),
    "aborting": ("Is told to stop", "warn"), "recovered": ("The way back is done", "ok"),
    "run_finished": ("The run ends", ""), "acknowledged": ("Acknowledged", "ok"),
}  # fmt: skip
_PHASES = {
    "ready": "before anything: is all ready?", "before": "before anything: is it true?", "activation": "activation",
    "after": "afterwards: does it hold?", "hold": "holding", "always": "at the end", "recovery": "recovery",
}  # fmt: skip


def report_page(data: Data, zone: str = "") -> str:
    """The whole page."""
    names = _names(data)
    values = {
        "d": data,
        "title": data.get("title") or data["playbook"],
        "tone": tone(data["status"]) or "soft",
        "sentence": sentence(data),
        "numbers": numbers(data, zone),
        "zone": zone or "UTC",
        "objectives": [_objective(o) for o in data["objectives"]],
        "chart": _chart(data["steps"], names),
        "mails": _mails(data.get("mails") or [], zone),
        "account": mail_section(data.get("mail_account"), zone),
        "steps": [_step(s, names) for s in data["steps"]],
        "messages": [{**m, "ends": "; ".join([*_ends(m), *m["reasons"]])} for m in data["messages"]],
        "texts": data.get("texts", []),
        "answers": _answers(data.get("answers") or {}),
        "timeline": [_event(e, names) for e in data["timeline"]],
        "counted": _counted(data["extra"]),
        "names": names,
    }
    return page("report.html", values, zone)


def sentence(data: Data) -> str:
    """What became of it, in one sentence."""
    status, reason = str(data["status"]), str(data.get("reason") or "").rstrip(".")
    broken = next((s for s in data["steps"] if s["status"] in {"failed", "undo_failed"}), None)
    doubts = [s["id"] for s in data["steps"] if s["status"] == "in_doubt"]
    if status in {"done", "holding"}:
        but = f", but {_name(broken)} failed" if broken else ""
        hold = "; it holds until somebody goes back" if status == "holding" else ""
        return f"Everything that was planned is done{but}{hold}."
    if status == "in_doubt" or doubts:
        return f"A person must say what became of {listed(doubts) or 'a step'}: it was begun and not finished."
    if status == "failed":
        return f"It failed{f' at {_name(broken)}' if broken else ''}{f': {reason}' if reason else ''}."
    if status == "aborted":
        return f"It was stopped, and what it had done was undone{f': {reason}' if reason else ''}."
    if status == "interrupted":
        return "It was interrupted: nobody goes on with it now."
    said = {"waiting": "It waits for somebody's answer", "stopped": "It stopped before it was finished"}
    return f"{said.get(status, f'It is {look(status).word}')}{f': {reason}' if reason else ''}."


def numbers(data: Data, zone: str = "") -> list[dict[str, str]]:
    """What a reader looks for first, each with what it is counted from."""
    achieved, times = data["achieved"], Times(zone)
    out = [
        {
            "label": _since_label(achieved),
            "big": times.clock(achieved["outage_since"]) or "not known",
            "small": f"{times.name(achieved['outage_since'])}, {times.day(achieved['outage_since'])}",
        }
    ]
    for key, label in (
        ("switched_s", "MX moved after"),
        ("test_mail_s", "Test mail taken after"),
        ("rto_receive_s", "First mail on the relay after"),
        ("rto_communicate_s", "All audiences told after"),
        ("caches_safe_s", "Old MX forgotten after"),
    ):
        if achieved.get(key) is not None:
            out.append({"label": label, "big": format_duration(float(achieved[key])), "small": ""})
    if taken := sum(int(m["sent"]) for m in data["messages"]):
        failed = sum(int(m["failed"]) for m in data["messages"])
        small = f"{plural(failed, 'failure')}" if failed else "taken by the channels"
        out.append({"label": "Messages", "big": str(taken), "small": small})
    if answers := data.get("answers"):
        heard = int(answers["people"]) - len(answers["silent"])
        out.append(
            {
                "label": "Answered",
                "big": f"{heard} of {answers['people']}",
                "small": f"as of {times.when(answers['at'])}",
            }
        )
    if known := [o for o in data["objectives"] if o["met"] is not None]:
        met = sum(1 for o in known if o["met"])
        unknown = len(data["objectives"]) - len(known)
        small = f"{unknown} not measured" if unknown else ""
        out.append({"label": "Objectives met", "big": f"{met} of {len(known)}", "small": small})
    return out


def _since_label(achieved: Data) -> str:
    if achieved.get("exact"):
        return "Outage since"
    return "Started" if str(achieved["counted_from"]).startswith("the start") else "Outage at least since"


def _names(data: Data) -> dict[str, str]:
    return {s["id"]: str(s.get("name") or s["id"]) for s in data["steps"]}


def _name(step: Data) -> str:
    return str(step.get("name") or step["id"])


def _objective(o: Data) -> dict[str, str]:
    titles = {"rto_receive": "Receive mail again", "rto_communicate": "Tell people", "rpo_messages": "Mail lost"}
    title = titles.get(str(o["objective"]), str(o["objective"]))
    return {
        "title": f"{title}: {o['audience']}" if o.get("audience") else title,
        "id": str(o["objective"]),
        "target": format_duration(o["target_s"]),
        "achieved": format_duration(o["achieved_s"]) if o["achieved_s"] is not None else "not measured",
        "state": "unknown" if o["met"] is None else ("met" if o["met"] else "missed"),
    }


def _chart(steps: Sequence[Data], names: Mapping[str, str]) -> dict[str, Any] | None:
    """When each step ran."""
    ran = [s for s in steps if s["from_s"] is not None]
    if not ran:
        return None
    bars, end = spans([(s["status"], s["from_s"], s["to_s"]) for s in ran])
    rows = []
    for s, bar in zip(ran, bars, strict=True):
        name = names[s["id"]]
        words = f"{name}: {look(s['status']).word}, {_took(s) or 'not over'}"
        rows.append({"name": name, "bar": bar, "words": words})
    return {"rows": rows, "end": format_duration(round(end, 1))}


def _took(s: Data) -> str:
    if s["to_s"] is None or s["from_s"] is None:
        return ""
    took = s["to_s"] - s["from_s"]
    return "at once" if took < 0.05 else format_duration(round(took, 1))


def _step(s: Data, names: Mapping[str, str]) -> dict[str, str]:
    return {
        "id": s["id"],
        "name": names[s["id"]],
        "phase": _PHASES.get(s["phase"], s["phase"]),
        "status": s["status"],
        "text": s["error"] or s["summary"],
        "hint": s["hint"],
        "took": _took(s),
    }


def _mails(series: Sequence[Sequence[Any]], zone: str) -> Any:
    """How many mails the relay held, as far as steps counted them."""
    points = [(at, float(n)) for moment, n in series if (at := seconds_of(moment)) is not None]
    times = Times(zone)
    if len(points) < 2:
        return None
    return curve(points, "Mail that the relay held", times.minute(points[0][0]), times.minute(points[-1][0]))


def _ends(m: Data) -> list[str]:
    """What became of them, as far as it was reported."""
    left = [f"{m['scheduled']} left with the vendor"] if m["scheduled"] else []
    told = m.get("reported", {})
    silent = m["sent"] - sum(told.values())
    ends = [f"{n} {look(status).word}" for status, n in told.items()]
    return [*left, *ends, *([f"{silent} without a report"] if told and silent > 0 else [])]


def _answers(found: Data) -> dict[str, Any] | None:
    """Who answered what, counted; the silent by name, as somebody has to go and look."""
    if not found:
        return None
    rows = [{"digit": d, "means": a["means"], "people": len(a["people"])} for d, a in found["answers"].items()]
    rows.append({"digit": "", "means": "unclear", "people": len(found["unclear"])})
    names = ", ".join(str(p) for p in found["silent"][:SILENT_SHOWN])
    more = len(found["silent"]) - SILENT_SHOWN
    silent = f"{names} and {more} more" if more > 0 else names
    return {"people": found["people"], "at": found["at"], "rows": rows, "count": len(found["silent"]), "silent": silent}


def _event(e: Data, names: Mapping[str, str]) -> dict[str, str]:
    status, text = str(e["status"]), str(e["text"])
    title, kind = _KINDS.get(e["kind"], (str(e["kind"]).replace("_", " "), ""))
    if e["kind"] == "step_finished":
        title, kind = f"{names.get(e['step'], e['step'])}: {look(status).word}", tone(status)
    elif e["kind"] == "phase_started":
        title, text = _PHASES.get(text, text).capitalize(), ""
    else:
        title = f"{title}: {names[e['step']]}" if e["step"] in names else title
        title, kind = (f"{title}: {look(status).word}", tone(status)) if status else (title, kind)
    return {"at": e["at"], "title": title, "tone": kind, "actor": e["actor"], "words": text}


def _counted(extra: Data) -> dict[str, Any] | None:
    """Every mail of a drill, counted."""
    if "sent" not in extra:
        return None
    rows = [(k, extra[k]) for k in ("sent", "delivered", "bounced", "lost", "duplicated") if k in extra]
    return {"rows": rows, "bounced": ", ".join(str(n) for n in extra.get("bounced_numbers") or [])}
