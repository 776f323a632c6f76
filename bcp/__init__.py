"""Business continuity for the day Exchange Online fails."""

__version__ = "0.1.0"
