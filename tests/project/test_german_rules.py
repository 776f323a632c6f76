"""Every rule that can reach a person has words: nobody reads a code at 03:00, and nobody is sent to a log for it."""

from __future__ import annotations

import json
from pathlib import Path

from project.test_rules import places_of, rules_of

ROOT = Path(__file__).parents[2]
ANSWERED_AT_ONCE = (
    "cli/", "deeds/begin/", "deeds/evidence/", "deeds/exercise.py", "deeds/drill_calendar.py", "deeds/year.py",
    "deeds/reports.py", "deeds/relay_gone.py", "deeds/relay_recipients.py", "drills/", "kernel/document.py",
    "kernel/yaml_in.py", "kit/rfc3161.py", "pages/", "relay/agent.py", "relay/door.py", "relay/push.py",
    "relay/serve.py", "relay_kit/",
    "replay.py", "reports/", "server/console/", "server/signin/", "settings/", "store/sqlite/drills.py",
    "store/sqlite/migrations.py", "contacts/yaml_file.py",
)  # fmt: skip
"""Whoever is told of a rule of these typed the command, or is logged in at the console, where everything is English.
No text, call, button, e-mail, notice or page of a link repeats it."""


def spoken_rules() -> set[str]:
    """Rules of all other rooms: what refuses a plan, a start, a step, an answer, an exercise that is due."""
    sources = {p: p.read_text() for p in sorted((ROOT / "bcp").rglob("*.py"))}
    places: dict[str, int] = {}
    for source in sources.values():
        places |= places_of(source)
    found: set[str] = set()
    for path, source in sources.items():
        if not path.relative_to(ROOT / "bcp").as_posix().startswith(ANSWERED_AT_ONCE):
            found |= rules_of(source, places)
    return found


def test_every_rule_that_can_reach_a_person_has_words_in_every_language() -> None:
    rules = spoken_rules()
    assert len(rules) > 200
    assert {"mail-unaccounted", "lease-lost", "agent-silent", "dns.silent", "shell-not-allowed"} <= rules
    for path in (ROOT / "bcp" / "pages" / "words").glob("*.json"):
        texts = json.loads(path.read_text())
        assert sorted(r for r in rules if f"rule.{r}" not in texts) == [], path.name
