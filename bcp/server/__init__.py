"""The always-on side: it watches, takes hooks, asks people, shows what happens.
Everything it does the command line can do without it."""
