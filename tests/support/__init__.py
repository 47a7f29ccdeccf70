"""What tests stand on: private servers, a browser, paths. Fixtures for all of it are in tests/conftest.py."""
