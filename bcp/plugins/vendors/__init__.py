"""What several plug-ins of one vendor share: its client, fenced, and its refusals translated.
Not a family: no kind is here."""
