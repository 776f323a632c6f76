"""Detection: counters, quorum, flap guard and classification are pure; only the watcher looks at the world."""
