"""The store room in memory: ``MemoryState`` for runs, leases, plans and the audit file."""
