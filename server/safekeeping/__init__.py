"""Copies, disks and readiness: what keeps an exam safe and says beforehand whether it is."""
