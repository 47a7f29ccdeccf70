"""One small class per item type."""
