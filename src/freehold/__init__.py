"""Freehold: a private AI platform. Own your AI outright."""

from typing import Final

VERSION: Final = "0.1.0"
