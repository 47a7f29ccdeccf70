"""The live board 监考端."""
