"""Shared words of every folder. Standard library only; no I/O besides the clock."""
