"""The database's side of casework: one short transaction per action."""
