"""What all web code shares."""
