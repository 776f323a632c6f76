"""A call tree to print: who calls whom when nothing else works."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bcp.contracts.contact import Contact
from bcp.kernel.clock import iso

STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#5a5a5a;--back:#fff;--line:#c9ced6}
@media(prefers-color-scheme:dark){:root{--ink:#eceff4;--soft:#aab2c0;--back:#14171c;--line:#39414d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;font:1rem/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back);overflow-wrap:anywhere}
h1{font-size:1.3rem;margin:.3rem 0}ul{list-style:none;margin:0;padding-left:1.1rem;border-left:1px solid var(--line)}main>ul{border:0;padding:0}
li{margin:.25rem 0}.who{display:flex;flex-wrap:wrap;gap:.2rem .8rem}.soft{color:var(--soft);font-size:.85rem}.tel{font-variant-numeric:tabular-nums;white-space:nowrap}
.box{display:inline-block;width:.8rem;height:.8rem;border:1px solid var(--ink);margin-right:.4rem}
@media print{body{max-width:none;font-size:10pt;color:#000;background:#fff}li{break-inside:avoid}}
"""


def page(organisation: str, people: Sequence[Contact], at: float, hotline: str = "") -> str:
    """One static page. Nobody is left out: who has no manager here, or is in a circle, stands at the top."""
    known = {p.id: p for p in people}
    below: dict[str, list[Contact]] = {}
    for person in people:
        below.setdefault(person.manager if person.manager in known and person.manager != person.id else "", []).append(
            person
        )
    shown: set[str] = set()

    def branch(persons: Sequence[Contact]) -> str:
        out = []
        for person in persons:
            if person.id in shown:
                continue
            shown.add(person.id)
            inner = branch(below.get(person.id, ()))
            out.append(f"<li>{_line(person)}{f'<ul>{inner}</ul>' if inner else ''}</li>")
        return "".join(out)

    body = branch(below.get("", ()))
    body += branch([p for p in people if p.id not in shown])
    line = f"{len(people)} people, made {iso(at)}." + (f" Hotline {escape(hotline)}." if hotline else "")
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>Call tree {escape(organisation)}</title><style>{STYLE}</style></head><body><main><h1>Call tree {escape(organisation)}</h1>"
        f"<p class=soft>{line} Call those below you, tick them, and tell the one above you who did not answer. Personal data: keep it like keys.</p><ul>{body}</ul></main></body></html>\n"
    )


def _line(person: Contact) -> str:
    parts = [f"<span><span class=box></span><strong>{escape(person.name or person.id)}</strong></span>"]
    parts.append(
        f"<span class=tel>{escape(person.phone)}</span>" if person.phone else "<span class=soft>no phone</span>"
    )
    parts += [f"<span class=soft>{escape(t)}</span>" for t in (person.title, person.language) if t]
    return f"<span class=who>{''.join(parts)}</span>"
