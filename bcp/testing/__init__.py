"""For people who write plug-ins and playbooks.

- ``suite`` and a suite a family (``channel``, ``probe``, ``relay``, ``dns``, ``hook``, ``directory``, ``engine``): the
  promises of a plug-in as tests. ``vendor`` is the HTTP server that they play, with the wrong answers that vendors give
  in life.
- ``clock``: a clock that moves when told; ``effects``: an action and a recorder; ``memory_dns``: a DNS host in memory.
- ``lab.Lab``: name servers, mail hosts and vendors on loopback with a configuration; ``world.World``: a daemon in it.
- ``command``: the command line in a process of its own.

How to use them: docs/howto/write-a-plugin.md.
"""
