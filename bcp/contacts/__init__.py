"""People: read once, checked then, and kept where an outage cannot take them away."""
