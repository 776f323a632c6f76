"""The store room: the only one that touches SQLite, file locks and the state folder.

``contracts/store.py`` and ``contracts/book.py`` say what it promises; ``sqlite/`` and ``files/``
keep it in a folder, ``memory/`` in memory, and ``postgres.py`` says where a shared database will stand.
"""
