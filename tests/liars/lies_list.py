"""A vendor's list of texts that is a list, and wrong in one place: a field is missing, or a page leads nowhere."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bcp.testing.vendor import Answer
from liars.lies_http import HTTP, after
from liars.web import HttpLie


def _listed(change: Callable[[dict[str, Any]], None]) -> HttpLie:
    """The whole list, changed."""

    def say(answer: Answer) -> Answer:
        body = copy.deepcopy(answer.body)
        change(body)
        return replace(answer, body=body)

    return after(say)


def _rows(**fields: Any) -> HttpLie:
    """Every row of the list with these fields; ``...``: without the field."""

    def change(body: dict[str, Any]) -> None:
        for row in body["messages"]:
            for name, value in fields.items():
                if value is ...:
                    row.pop(name, None)
                else:
                    row[name] = value

    return _listed(change)


def _page(uri: str) -> HttpLie:
    return _listed(lambda body: body.update(next_page_uri=uri))


def _emptied(body: dict[str, Any]) -> None:
    body["messages"] = []
    body["next_page_uri"] = "/2010-04-01/Accounts/AC/Messages.json?Page=1&To=%2B15005550006"


def _twice(body: dict[str, Any]) -> None:
    body["messages"] = body["messages"] * 2


def _many(body: dict[str, Any]) -> None:
    body["messages"] += [
        {**r, "sid": f"SM{i:032x}", "body": "hello"} for r in body["messages"][:1] for i in range(1500)
    ]


LIST: Mapping[str, HttpLie] = {
    **HTTP,
    **{f"rows, {field} null": _rows(**{field: None}) for field in ("sid", "from", "body", "direction", "date_created")},
    **{f"rows, {field} missing": _rows(**{field: ...}) for field in ("sid", "from", "body", "date_created")},
    **{f"rows, {field} an object": _rows(**{field: {"a": 1}}) for field in ("sid", "from", "body", "date_created")},
    **{f"rows, {field} half a character": _rows(**{field: "\ud800"}) for field in ("sid", "body", "from")},
    "rows, one sid for all": _rows(sid="SM" + "0" * 32),
    "rows, an empty sid": _rows(sid=""),
    "rows, a date that is none": _rows(date_created="yesterday"),
    "rows, a date of long ago": _rows(date_created="Thu, 01 Jan 1970 00:00:00 +0000"),
    "rows, a date of the far future": _rows(date_created="Fri, 31 Dec 9999 23:59:59 +0000"),
    "rows, a date before there were any": _rows(date_created="Sat, 01 Jan 0001 00:00:00 +2359"),
    "rows, words of a megabyte": _rows(body="x" * 1_000_000),
    "rows, words taken out": _rows(body=""),
    "rows, all of them ours": _rows(direction="outbound-api"),
    "rows, twice": _listed(_twice),
    "rows, 1,500 more": _listed(_many),
    "rows, numbers in a list": _listed(lambda body: body.update(messages=[1, None, "x"])),
    "no rows": _listed(lambda body: body.update(messages=[])),
    "rows that are none": _listed(lambda body: body.update(messages={"a": 1})),
    "a next page that is this one": _page("/2010-04-01/Accounts/AC/Messages.json?To=%2B15005550006"),
    "a next page elsewhere": _page("http://127.0.0.1:9/next"),
    "a next page that is a number": _listed(lambda body: body.update(next_page_uri=7)),
    "empty pages without end": _listed(_emptied),
}
"""Every wrong answer, and those that only a list can give."""
