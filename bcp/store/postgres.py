"""Where a shared database will stand: the same ports on PostgreSQL, for two daemons over several machines.

Nothing is built here yet. What an implementation has to bring, port by port:

``RunStore``    a row a run with its card, events, ledger and signals as tables keyed by run; the chain stays as it is.
                Writers append under ``select ... for update`` on the run's holder row, which carries the fence.
``Leases``      ``lease`` and ``given`` as here; liveness by a heartbeat column and the database's own clock instead of
                a kernel lock, so a lease has a length, and ``check`` compares with ``now()`` of the server.
``Book``        the same tables; ``begin immediate`` becomes ``pg_advisory_xact_lock`` on the chain.
``AuditFile``   stays a file, or a second database: a witness belongs somewhere else than what it proves.

``bcp.testing.store.StoreSuite`` is the definition of done, the kill -9 harness the proof.
"""
