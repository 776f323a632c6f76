"""What makes a fresh Debian machine the backup MX: its files, what differs on a living one, whom it takes mail for, how
fast it lets go, and what is looked at in peacetime. Nothing here does I/O but reading our own templates."""
