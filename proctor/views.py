"""Addresses of the proctor's board."""

from __future__ import annotations

from flask import Flask

from server.webkit.platform import Platform


def register(app: Flask, platform: Platform) -> None:
    """Attach `/board/<sitting>/<room>`, `/api/proctor/…` and the reactions to alarms."""
    raise NotImplementedError
