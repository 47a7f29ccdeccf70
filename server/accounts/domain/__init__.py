"""Rules about names, passwords and roles; no I/O."""
