"""Vendors that call us back, one file a kind."""
