"""For people who write plug-ins and playbooks: a clock that moves when told, recording services."""
