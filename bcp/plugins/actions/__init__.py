"""Plug-ins: one file per kind. They do not know one another."""
