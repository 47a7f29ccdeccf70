"""Reading what people really have."""
