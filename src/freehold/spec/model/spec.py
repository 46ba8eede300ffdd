"""The whole of `freehold.yaml`."""

import msgspec

from freehold.spec.model.access import Access
from freehold.spec.model.models import Models


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the owner wants. Every key can be left out but `freehold`."""

    freehold: int = 1
    """Version of this format; `1`."""
    name: str = "Freehold"
    """Name of the house, shown on its pages."""
    access: Access = Access()
    """Where the house listens, and by which names it is known."""
    models: Models = Models()
    """Which language model answers, and how it runs."""
