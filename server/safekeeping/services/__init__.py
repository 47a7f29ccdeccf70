"""Use cases: make a backup, restore one, lift the freeze."""
