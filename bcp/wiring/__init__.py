"""Settings in, live objects out: the floor that knows everybody."""

from bcp.wiring.app import App, make_app
from bcp.wiring.catalogue import action_specs, bare_catalogue, shipped_candidates
from bcp.wiring.choose import recommended
from bcp.wiring.follow import Follower
from bcp.wiring.people import login_name
from bcp.wiring.rules import rules_from, rules_of
from bcp.wiring.shipped import SHIPPED

__all__ = [
    "SHIPPED",
    "App",
    "Follower",
    "action_specs",
    "bare_catalogue",
    "login_name",
    "make_app",
    "recommended",
    "rules_from",
    "rules_of",
    "shipped_candidates",
]
