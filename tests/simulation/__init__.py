"""The exam engine as a simulation: the real rules, an invented site, one seed a day. See README.md."""
