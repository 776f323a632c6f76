"""Moving MX: facts are gathered (``read``), judged (``rules``, pure), and what was sent is judged again
(``outcome``, ``host``)."""
