"""The report as one self-contained page that prints well. Pure: the data of ``bcp.report/2`` in, text out.

Data of ``bcp.report/1``, which knew a single run and no record, still make a page.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.kernel.text import one_or_many
from bcp.kernel.units import format_duration
from bcp.pages.annexes import annexes
from bcp.pages.cells import WRITTEN
from bcp.pages.mail import mail_section
from bcp.pages.palette import tone
from bcp.pages.plots import curve, spans
from bcp.pages.render import look_in, page
from bcp.pages.report_front import front
from bcp.pages.times import Times, seconds_of
from bcp.pages.words import Words, words

Data = Mapping[str, Any]
SILENT_SHOWN = 200
ENGLISH = words("en")
_TONES = {
    "run_started": "busy", "gate_opened": "warn", "approved": "ok", "answer_refused": "warn", "step_retry": "warn",
    "step_progress": "busy", "undo_started": "warn", "doubt_settled": "ok", "doubt_stands": "warn", "in_doubt": "warn",
    "stopped": "warn", "resumed": "busy", "aborting": "warn", "recovered": "ok", "acknowledged": "ok",
}  # fmt: skip


def report_page(data: Data, zone: str = "", logo: str = "") -> str:
    """The whole page. ``zone``: the reader's, where the data name none. ``logo``: an image (``data:`` URL)."""
    record, language = data.get("record"), str(data.get("language") or "en")
    found, where = words(language), str(data.get("zone") or zone or "UTC")
    runs = [run_values(r, where, found) for r in (data.get("runs") or ([] if record else [data]))]
    first = front(data, found) if record else None
    values = {
        "d": data,
        "title": first["headline"] if first else data.get("title") or data.get("playbook") or data.get("id"),
        "name": data.get("id") or data.get("run"),
        "f": first,
        "annexes": list(zip(letters(), annexes(record, data["figures"], found), strict=False)) if record else [],
        "runs": runs,
        "zone": where,
        "logo": logo,
    }
    return page("report.html", values, where, found.language)


def letters() -> list[str]:
    """A, B, C ... of the annexes."""
    return list(string.ascii_uppercase)


def run_values(data: Data, zone: str, w: Words = ENGLISH) -> dict[str, Any]:
    """What a page shows of one run."""
    names = {step: w.named(name) for step, name in _names(data).items()}
    return {
        "d": data,
        "title": w.named(str(data.get("title") or data["playbook"])),
        "tone": tone(data["status"]) or "soft",
        "sentence": sentence(data, w),
        "numbers": numbers(data, zone, w),
        "objectives": [_objective(o, w) for o in data["objectives"]],
        "chart": _chart(data["steps"], names, w),
        "mails": _mails(data.get("mails") or [], zone, w),
        "account": mail_section(data.get("mail_account"), zone, w),
        "steps": [_step(s, names, w) for s in data["steps"]],
        "messages": [{**m, "ends": "; ".join([*_ends(m, w), *m["reasons"]])} for m in data["messages"]],
        "texts": data.get("texts", []),
        "answers": _answers(data.get("answers") or {}, w),
        "timeline": [_event(e, names, w) for e in data["timeline"]],
        "counted": _counted(data["extra"]),
        "names": names,
    }


def sentence(data: Data, w: Words = ENGLISH) -> str:
    """What became of it, in one sentence."""
    status, reason = str(data["status"]), str(data.get("reason") or "").rstrip(".")
    why = w("run.because", reason=w.told(reason, "reason.")) if reason else ""
    broken = next((s for s in data["steps"] if s["status"] in {"failed", "undo_failed"}), None)
    doubts = [str(s["id"]) for s in data["steps"] if s["status"] == "in_doubt"]
    if status in {"done", "holding"}:
        left = len(data.get("left") or ())
        stayed = w.many("run.left", left) if left else ""
        but = stayed + (w("run.but", step=w.named(_name(broken))) if broken else "")
        return w(f"run.{status}", but=but)
    if status == "in_doubt" or doubts:
        return w("run.in_doubt", steps=w.listed(doubts) or w("run.a-step"))
    if status == "failed":
        return w("run.failed", at=w("run.at", step=w.named(_name(broken))) if broken else "", why=why)
    if status in {"aborted", "interrupted", "waiting", "stopped"}:
        return w(f"run.{status}", why=why)
    return w("run.other", state=look_in(w, status).word, why=why)


def numbers(data: Data, zone: str = "", w: Words = ENGLISH) -> list[dict[str, str]]:
    """What a reader looks for first, each with what it is counted from."""
    achieved, times = data["achieved"], Times(zone, w.language)
    since = achieved["outage_since"]
    small = f"{times.name(since)}, {times.day(since)}"
    out = [{"label": w(_since_label(achieved)), "big": times.clock(since) or w("not-known"), "small": small}]
    for key in ("switched_s", "test_mail_s", "rto_receive_s", "rto_communicate_s", "caches_safe_s"):
        if achieved.get(key) is not None:
            out.append({"label": w(f"run.{key}"), "big": format_duration(float(achieved[key])), "small": ""})
    if taken := sum(int(m["sent"]) for m in data["messages"]):
        failed = sum(int(m["failed"]) for m in data["messages"])
        small = w.many("run.failures", failed) if failed else w("run.taken")
        out.append({"label": w("run.messages"), "big": str(taken), "small": small})
    if answers := data.get("answers"):
        heard = int(answers["people"]) - len(answers["silent"])
        big, small = w("run.of", some=heard, all=answers["people"]), w("run.as-of", at=times.when(answers["at"]))
        out.append({"label": w("run.answered"), "big": big, "small": small})
    if known := [o for o in data["objectives"] if o["met"] is not None]:
        met = sum(1 for o in known if o["met"])
        unknown = len(data["objectives"]) - len(known)
        small = w("run.not-measured", count=unknown) if unknown else ""
        out.append({"label": w("run.objectives-met"), "big": w("run.of", some=met, all=len(known)), "small": small})
    return out


def _since_label(achieved: Data) -> str:
    if achieved.get("exact"):
        return "run.since"
    return "run.started" if str(achieved["counted_from"]).startswith("the start") else "run.since-at-least"


def _names(data: Data) -> dict[str, str]:
    return {s["id"]: str(s.get("name") or s["id"]) for s in data["steps"]}


def _name(step: Data) -> str:
    return str(step.get("name") or step["id"])


def _objective(o: Data, w: Words) -> dict[str, str]:
    code, audience = str(o["objective"]), str(o.get("audience") or "")
    title = w.known(f"run.objective.{code}", code)
    return {
        "title": f"{title}: {audience}" if audience else title,
        "id": code,
        "target": format_duration(o["target_s"]),
        "achieved": format_duration(o["achieved_s"]) if o["achieved_s"] is not None else w("not-measured-words"),
        "state": _met(o),
    }


def _met(o: Data) -> str:
    """How it is shown: what a run reached in time that came to nothing does not count, and was not missed either."""
    if o["met"] is None:
        return "unknown"
    in_time = o["achieved_s"] is not None and o["achieved_s"] <= o["target_s"]
    return "met" if o["met"] else "judged-void" if in_time else "missed"


def _chart(steps: Sequence[Data], names: Mapping[str, str], w: Words) -> dict[str, Any] | None:
    """When each step ran."""
    ran = [s for s in steps if s["from_s"] is not None]
    if not ran:
        return None
    bars, end = spans([(s["status"], s["from_s"], s["to_s"]) for s in ran])
    rows = []
    for s, bar in zip(ran, bars, strict=True):
        name = names[s["id"]]
        words_ = f"{name}: {look_in(w, s['status']).word}, {_took(s, w) or w('run.not-over')}"
        rows.append({"name": name, "bar": bar, "words": words_})
    return {"rows": rows, "end": format_duration(round(end, 1))}


def _took(s: Data, w: Words) -> str:
    if s["to_s"] is None or s["from_s"] is None:
        return ""
    took = s["to_s"] - s["from_s"]
    return w("run.at-once") if took < 0.05 else format_duration(round(took, 1))


def _step(s: Data, names: Mapping[str, str], w: Words) -> dict[str, str]:
    return {
        "id": s["id"],
        "name": names[s["id"]],
        "phase": w.known(f"phase.{s['phase']}", s["phase"]),
        "status": s["status"],
        "text": one_or_many(w.told_or_quoted(s["error"] or s["summary"], *WRITTEN)),
        "hint": s["hint"],
        "took": _took(s, w),
    }


def _mails(series: Sequence[Sequence[Any]], zone: str, w: Words) -> Any:
    """How many mails the relay held, as far as steps counted them."""
    points = [(at, float(n)) for moment, n in series if (at := seconds_of(moment)) is not None]
    times = Times(zone, w.language)
    if len(points) < 2:
        return None
    return curve(points, w("run.mails-held"), times.minute(points[0][0]), times.minute(points[-1][0]))


def _ends(m: Data, w: Words) -> list[str]:
    """What became of them, as far as it was reported."""
    left = [w("run.left-with-vendor", count=m["scheduled"])] if m["scheduled"] else []
    told = m.get("reported", {})
    silent = m["sent"] - sum(told.values())
    ends = [f"{n} {look_in(w, status).word}" for status, n in told.items()]
    return [*left, *ends, *([w("run.without-report", count=silent)] if told and silent > 0 else [])]


def _answers(found: Data, w: Words) -> dict[str, Any] | None:
    """Who answered what, counted; the silent by name, as somebody has to go and look."""
    if not found:
        return None
    rows = [{"digit": d, "means": a["means"], "people": len(a["people"])} for d, a in found["answers"].items()]
    rows.append({"digit": "", "means": w("run.unclear"), "people": len(found["unclear"])})
    names = ", ".join(str(p) for p in found["silent"][:SILENT_SHOWN])
    more = len(found["silent"]) - SILENT_SHOWN
    silent = w("list.more", names=names, count=more) if more > 0 else names
    return {"people": found["people"], "at": found["at"], "rows": rows, "count": len(found["silent"]), "silent": silent}


def _event(e: Data, names: Mapping[str, str], w: Words) -> dict[str, str]:
    status, text = str(e["status"]), str(e["text"])
    kind = _TONES.get(e["kind"], "")
    title = w.known(f"event.{e['kind']}", str(e["kind"]).replace("_", " "))
    if e["kind"] == "step_finished":
        title, kind = f"{names.get(e['step'], e['step'])}: {look_in(w, status).word}", tone(status)
    elif e["kind"] == "phase_started":
        said = w.known(f"phase.{text}", text)
        title, text = said[:1].upper() + said[1:], ""
    else:
        title = f"{title}: {names[e['step']]}" if e["step"] in names else title
        title, kind = (f"{title}: {look_in(w, status).word}", tone(status)) if status else (title, kind)
    return {"at": e["at"], "title": title, "tone": kind, "actor": e["actor"], "words": w.told_or_quoted(text, *WRITTEN)}


def _counted(extra: Data) -> dict[str, Any] | None:
    """Every mail of a drill, counted."""
    if "sent" not in extra:
        return None
    rows = [(k, extra[k]) for k in ("sent", "delivered", "bounced", "lost", "duplicated") if k in extra]
    return {"rows": rows, "bounced": ", ".join(str(n) for n in extra.get("bounced_numbers") or [])}
