"""The command line `mingyuan`: one file per group of commands."""
