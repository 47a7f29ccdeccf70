"""The fault matrix: every fault really made, its promise checked, its harness shown to be able to fail."""
