"""Ways in for programs: hooks, the API, vendors' calls. A door proves who calls, parses, calls, answers."""
