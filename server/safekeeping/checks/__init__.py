"""What the readiness list looks at, by topic; each function returns its lines and only reads."""
