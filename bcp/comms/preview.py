"""A message as people will see it: phone frames, a chat, a page, a mail, on one static page. No script, no request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from bcp.comms.segments import count
from bcp.contracts.channel import Message

STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#5a5a5a;--back:#fff;--card:#f1f3f6;--line:#c9ced6;--bubble:#dfe6f5;--warn:#8a3b00}
@media(prefers-color-scheme:dark){:root{--ink:#eceff4;--soft:#aab2c0;--back:#14171c;--card:#1f242c;--line:#39414d;--bubble:#2b3a55;--warn:#ffb07a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.3rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}.row{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
figure{margin:0;flex:1 1 16rem;min-width:0;max-width:22rem}figcaption{color:var(--soft);font-size:.85rem;margin-bottom:.3rem}
.phone{border:.5rem solid var(--line);border-radius:1.6rem;padding:1rem .7rem 1.4rem;background:var(--card)}
.bubble{background:var(--bubble);border-radius:1rem;padding:.6rem .8rem;white-space:pre-wrap}.card{border:1px solid var(--line);border-radius:.4rem;background:var(--card);padding:.7rem .9rem;white-space:pre-wrap}
.wide{flex-basis:100%;max-width:44rem}.warn{color:var(--warn);font-weight:600}.meta{color:var(--soft);font-size:.85rem;margin-top:.4rem}
@media print{.phone{border-color:#000}figure{break-inside:avoid}}
"""
_NAMES = {"sms": "Text message", "chat": "Chat", "voice": "Call, read aloud", "page": "Status page", "email": "E-mail"}


def page(title: str, subtitle: str, messages: Sequence[Message]) -> str:
    """The whole page. Languages one after the other, forms side by side."""
    out = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>{escape(title)}</title>",
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1><p class=meta>{escape(subtitle)}</p>",
    ]
    for language in dict.fromkeys(m.language for m in messages):
        out.append(f"<section lang={escape(language)}><h2>{escape(language)}</h2><div class=row>")
        out += [_figure(m) for m in messages if m.language == language]
        out.append("</div></section>")
    return "".join(out) + "</main></body></html>\n"


def _figure(m: Message) -> str:
    body = escape(m.body)
    head = f"<figcaption>{_NAMES.get(m.form, m.form)}</figcaption>"
    if m.form == "sms":
        size = count(m.body)
        bad = (
            f" <span class=warn>{escape(repr(size.offenders[0].character))} makes it UCS-2</span>"
            if size.offenders
            else ""
        )
        meta = f"<p class=meta>{m.segments} segment{'' if m.segments == 1 else 's'}, {len(m.body)} characters, {size.encoding}{bad}</p>"
        return f"<figure>{head}<div class=phone><div class=bubble>{body}</div></div>{meta}</figure>"
    if m.form == "voice":
        seconds = round(len(m.body.split()) / 2.3)
        return f"<figure>{head}<div class=phone><div class=bubble>{body}</div></div><p class=meta>about {seconds} s</p></figure>"
    if m.form == "chat":  # as Slack and its like show it
        body = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", re.sub(r"\*([^*\n]+)\*", r"<strong>\1</strong>", body))
    title = f"<strong>{escape(m.subject)}</strong>\n\n" if m.subject else ""
    wide = " class=wide" if m.form == "email" else ""
    return f"<figure{wide}>{head}<div class=card>{title}{body}</div></figure>"
