"""English words that say nothing about what a question is about."""

from typing import Final

_WRITTEN: Final = """
a about above across after again against all almost along already also although always am among
an and any anybody anyone anything are around as ask at away be became because become been
before being below between both but by came can cannot could did do does doing done down during
each either else enough etc even ever every everybody everyone everything few find first for
from further gave get gets getting give given gives go goes going gone got had happen happened
happens has have having he her here hers herself him himself his how however i if in instead
into is isn it its itself just keep kind know last least less let like likely long look made
make makes many may maybe me mean might mine more most much must my myself near need needed
needs neither never next no nobody none nor not nothing now of off often on once one only onto
or other others ought our ours ourselves out over own people perhaps please possible put quite
rather really said same say saying says see seem seen several shall she should show since so
some somebody someone something soon still such sure take taken takes taking tell than that the
their theirs them themselves then there these they thing things think this those though through
thus to together told too toward towards under until up upon us use used uses using usually
very want wanted wants was way ways we well went were what whatever when whenever where whereas
wherever whether which while who whoever whole whom whose why will wish with within without won
would yes yet you your yours yourself yourselves don doesn didn aren wasn weren haven hasn hadn
wouldn shouldn couldn ll ve re
"""

EMPTY_WORDS: Final = frozenset(_WRITTEN.split())
"""Lower case, as they stand in a sentence; a search that has other words passes over these."""
