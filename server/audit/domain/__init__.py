"""The hash chain itself; no I/O."""
