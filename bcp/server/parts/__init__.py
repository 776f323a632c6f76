"""What the daemon does all day: acts, asks, hears, says, conducts runs. A part knows the core and its ports, no
daemon."""
