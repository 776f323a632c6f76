"""Plug-ins: where contacts come from."""
