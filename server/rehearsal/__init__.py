"""A rehearsal 演练: real-protocol candidates and staff against a real server, the demonstration day among them.

Everything here speaks over the wire as a browser would; only the setting-up of demonstration data calls services.
"""
