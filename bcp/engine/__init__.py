"""The engine: a pure state machine, a runner that performs its commands,
and a ledger that makes each effect happen once."""
