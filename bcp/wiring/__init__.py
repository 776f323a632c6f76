"""Settings in, live objects out: the floor that knows everybody."""

from bcp.wiring.app import App
from bcp.wiring.catalogue import SHIPPED, action_specs, bare_catalogue, recommended, shipped_books
from bcp.wiring.services import login_name
from bcp.wiring.watching import Follower, rules_from, rules_of

__all__ = [
    "SHIPPED",
    "App",
    "Follower",
    "action_specs",
    "bare_catalogue",
    "login_name",
    "recommended",
    "rules_from",
    "rules_of",
    "shipped_books",
]
