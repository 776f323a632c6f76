"""Small files of the state folder: locks, plans, the audit file, lists."""
