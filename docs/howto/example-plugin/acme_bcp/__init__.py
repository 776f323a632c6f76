"""Plug-ins of Acme for bcp."""
