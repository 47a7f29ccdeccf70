"""Staff accounts and their log-in."""
