"""Words every floor may use: errors, time, ids, units, secrets, logs. Standard library, plus YAML."""
