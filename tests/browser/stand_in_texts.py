# ruff: noqa: E501, W291  prose is kept as it is said
"""What the stand-in says: answers by keyword, documents with their passages, seeded chats."""

from typing import Any

LEASE = "Lease 2024.pdf"
RULES = "House rules.md"

PASSAGES: list[dict[str, Any]] = [
    {
        "document_id": "d-lease",
        "collection": "Home",
        "file": LEASE,
        "page": 7,
        "line": None,
        "heading": "7. Subletting",
        "text": "7.2 The Tenant shall not sublet the whole of the Premises without written consent of the "
        "Landlord, such consent not to be unreasonably withheld. A part may be sublet while the Tenant "
        "goes on living there.",
        "score": 0.91,
    },
    {
        "document_id": "d-rules",
        "collection": "Home",
        "file": RULES,
        "page": None,
        "line": 32,
        "heading": "Guests",
        "text": "Guests are welcome. Stays over 14 nights are to be notified in advance, by letter or mail.",
        "score": 0.84,
    },
    {
        "document_id": "d-lease",
        "collection": "Home",
        "file": LEASE,
        "page": 3,
        "line": None,
        "heading": "3. Rent",
        "text": "3.1 The rent is 940 euro a month, payable in advance on the first working day.",
        "score": 0.41,
    },
    {
        "document_id": "d-rules",
        "collection": "Home",
        "file": RULES,
        "page": None,
        "line": 12,
        "heading": "Bicycles",
        "text": "Bicycles stand in the yard or the cellar, never in the stairwell.",
        "score": 0.22,
    },
]

CITATIONS: list[dict[str, Any]] = [
    {
        "number": 1,
        "document_id": "d-lease",
        "file": LEASE,
        "page": 7,
        "line": None,
        "quote": "shall not sublet the whole of the Premises without written consent of the Landlord",
        "verified": True,
    },
    {
        "number": 2,
        "document_id": "d-rules",
        "file": RULES,
        "page": None,
        "line": 32,
        "quote": "Stays over 14 nights are to be notified in advance",
        "verified": True,
    },
]

LEASE_ANSWER = """You may sublet part of the flat, but not the whole of it unless the landlord agrees \
in writing; that consent can’t be refused without a reason.[1] A guest who stays more than fourteen \
nights has to be announced beforehand.[2]

So: write before the subtenant moves in. A short notice is enough:

```text
Dear Ms Peeters,
under clause 7.2 we ask your consent to sublet one
room from 1 March to 31 August.
```

- Clause `7.2` sets no deadline for her reply; the sources don’t say what silence means.
"""

KITCHEN = """# A heading

A paragraph with **bold**, *italic*, `code`, a [link](https://example.org/page) and a line  
that breaks.

1. one
2. two

   still two
3. three

- a
  - nested
- b

> A quotation
> of two lines.

| name | size |
|:-----|-----:|
| a    |   12 |
| b    |  340 |

```python
def add(a: int, b: int) -> int:
    return a + b  # a long comment that has to scroll sideways inside its own box and nowhere else
```

![a picture from elsewhere](https://evil.example/track.png)

<img src="https://evil.example/x.png" onerror="document.title='owned'"><script>document.title='owned'</script>

[script](javascript:alert(1)) and <b onclick="alert(1)">raw</b>.

- [x] done
- [ ] open

The end.
"""

SUGGESTED = [
    "What does the lease say about subletting?",
    "How long may guests stay?",
    "When was the river survey walked?",
]

REFUSED = "The documents do not say."

ROOM = """**From your documents:**

> 7.2 The Tenant shall not sublet the whole of the Premises without written consent of the Landlord, \
such consent not to be unreasonably withheld. [1]

> Stays over 14 nights are to be notified in advance, by letter or mail. [2]
"""

_SURVEY = """the survey names each parcel by its corner stones and the ledger keeps them in the
order they were walked so that a reader who comes later finds the same field again and asks no one"""
LONG_WORDS = _SURVEY.split()


def long_tokens(count: int) -> list[str]:
    """`count` tokens of markdown: paragraphs, lists, code, so that every kind of block streams."""
    out: list[str] = []
    block = 0
    while len(out) < count:
        kind = block % 6
        block += 1
        if kind == 2:
            for item in range(5):
                out += ["- ", *(word + " " for word in LONG_WORDS[item : item + 12]), "\n"]
            out.append("\n")
        elif kind == 4:
            out.append("```python\n")
            for row in range(8):
                out += [
                    "def ",
                    f"parcel_{block}_{row}",
                    "(",
                    "corner",
                    ")",
                    ":",
                    " return ",
                    "corner",
                    "\n",
                ]
            out.append("```\n\n")
        else:
            if kind == 0:
                out += ["## ", "Parcel ", f"{block}", "\n\n"]
            start = block % 7
            out += [word + " " for word in (LONG_WORDS * 2)[start : start + 50]]
            out += ["**end**", ".", "\n\n"]
    return out[:count]


def tokens(text: str) -> list[str]:
    """Text cut the way a tokeniser roughly would: word by word, spaces kept in front."""
    out: list[str] = []
    word = ""
    for mark in text:
        if mark in " \n" and word.strip():
            out.append(word)
            word = ""
        word += mark
    return [*out, word] if word else out


SEED_QUESTIONS = (
    "Which parcels border the river?",
    "Summarise the boiler manual in three lines.",
    "When does the insurance run out?",
    "List the dates in the tender.",
)

SEED_ANSWER = """The ledger lists **four parcels** along the river, from the mill to the ford:

1. Mill meadow, 1.2 ha
2. Long acre, 0.8 ha
3. Willow bank, 0.4 ha

Each is named by its corner stones, and `stone 14` is shared by two of them. The survey of 1987 walked \
them in this order; nothing later contradicts it.
"""
