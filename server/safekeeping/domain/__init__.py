"""Rules of copies, disks, the freeze and readiness: pure."""
