"""Hooks: what other monitoring systems send, one file a kind."""
