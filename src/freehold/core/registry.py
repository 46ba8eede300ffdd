"""A folder is a registry: one module is one entry, and its name is its file name.

An entry module ends with one constant (`ENGINE`, `SERVICE`, `TARGET`, `COMMAND`), an instance of
the folder's card type. There is no list to keep, no decorator and no import side effect: to add an
entry, add its file. Listing names imports nothing; only the entry that is asked for is imported.
"""

import difflib
import importlib
import pkgutil
from typing import Generic, TypeVar

from freehold.core.errors import UnknownEntry

Card = TypeVar("Card")

_NOT_ENTRIES = frozenset({"contract"})


class Registry(Generic[Card]):
    """The entries of one folder.

    Args:
        package: dotted name of the folder.
        kind: card type every entry is an instance of.
        constant: name of the constant an entry module ends with.
    """

    def __init__(self, package: str, kind: type[Card], constant: str) -> None:
        self._package = package
        self._kind = kind
        self._constant = constant

    def names(self) -> tuple[str, ...]:
        """Names of all entries as a spec writes them, sorted; imports none of them."""
        folder = importlib.import_module(self._package)
        found = (module.name for module in pkgutil.iter_modules(folder.__path__))
        return tuple(
            sorted(
                name.replace("_", "-")
                for name in found
                if name not in _NOT_ENTRIES and not name.startswith("_")
            )
        )

    def get(self, name: str) -> Card:
        """Import one entry.

        Raises:
            UnknownEntry: the folder holds no such file; the hint names the nearest one.
        """
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self.names())}"
            message = f"no {self._constant.lower()} is called {name!r}"
            raise UnknownEntry(message, fix=hint)
        module = importlib.import_module(f"{self._package}.{name.replace('-', '_')}")
        card = getattr(module, self._constant)
        assert isinstance(card, self._kind), f"{module.__name__}.{self._constant}: wrong type"
        return card

    def all(self) -> tuple[tuple[str, Card], ...]:
        """Every entry with its name; imports all of them (documentation and tests only)."""
        return tuple((name, self.get(name)) for name in self.names())
