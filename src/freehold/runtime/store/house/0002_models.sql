-- Models added by hand or pulled from a hub. Adopted ones are found anew at each start.

CREATE TABLE models (
    name           TEXT PRIMARY KEY,
    path           TEXT NOT NULL UNIQUE,
    kind           TEXT NOT NULL CHECK (kind IN ('chat', 'embed', 'rerank')),
    bytes          INTEGER NOT NULL,
    context_tokens INTEGER NOT NULL,
    source         TEXT NOT NULL,
    pulled         INTEGER NOT NULL CHECK (pulled IN (0, 1)), -- our own file: removed with the row
    added_at       REAL NOT NULL
) STRICT;
