"""A network that lies: every outside call of a failover and a failback, answered wrongly in every way we know."""
