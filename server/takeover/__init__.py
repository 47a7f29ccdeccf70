"""When a machine dies 接管: heartbeats, outages, leases."""
