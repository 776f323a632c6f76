"""Databases of the state folder: SQLite."""
