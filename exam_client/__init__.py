"""The candidate page, SEB support and the own kiosk 考生端."""
