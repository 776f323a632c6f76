"""The relay's side of mail: Postfix's log becomes a ledger, one row for each message and recipient."""
