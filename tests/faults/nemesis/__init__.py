"""What breaks things and nothing else: it neither asks the server anything nor judges."""
