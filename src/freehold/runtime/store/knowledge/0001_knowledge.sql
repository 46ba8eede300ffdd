-- Documents, their passages, the words of the passages and their meaning, in one file, so that one
-- transaction keeps them in step: after any crash a passage has its words, and its vector or none.

CREATE TABLE documents (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    collection  TEXT NOT NULL,
    file        TEXT NOT NULL,             -- as its owner knows it: path below what was added
    place       TEXT NOT NULL,             -- what makes it this document: absolute path, or upload/NAME
    path        TEXT NOT NULL,             -- where its bytes lie now
    kind        TEXT NOT NULL DEFAULT '',
    bytes       INTEGER NOT NULL,
    changed_ns  INTEGER NOT NULL,          -- time of change the file system told
    sha256      TEXT NOT NULL DEFAULT '',  -- of the bytes that were read
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'indexed', 'failed')),
    reason      TEXT NOT NULL DEFAULT '',  -- stable word, when it failed
    note        TEXT NOT NULL DEFAULT '',  -- sentence for people: why it failed, or what is missing
    pages       INTEGER,
    passages    INTEGER NOT NULL DEFAULT 0,
    added_at    REAL NOT NULL,
    UNIQUE (collection, place)
) STRICT;

CREATE INDEX documents_waiting ON documents (number) WHERE state = 'waiting';
CREATE INDEX documents_by_blob ON documents (sha256);

CREATE TABLE passages (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: a citation names it for good
    document  INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    page      INTEGER,
    line      INTEGER,
    heading   TEXT NOT NULL,
    text      TEXT NOT NULL
) STRICT;

CREATE INDEX passages_by_document ON passages (document);

-- Vectors apart from the text: loading them all reads nothing else. A passage without one waits.
CREATE TABLE vectors (
    passage  INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    vector   BLOB NOT NULL                        -- little-endian float32, unit length
) STRICT;

-- What made the vectors; when it changes they are all made again.
CREATE TABLE meaning (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    model  TEXT NOT NULL
) STRICT;

-- The text is in `passages` already, so the words keep no copy of it.
CREATE VIRTUAL TABLE words USING fts5 (
    heading, text, file,
    content = '', contentless_delete = 1,
    tokenize = 'porter unicode61 remove_diacritics 2'
);

INSERT INTO words (words, rank) VALUES ('rank', 'bm25(3.0, 1.0, 0.5)');

CREATE VIRTUAL TABLE word_counts USING fts5vocab (words, 'row');

CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
    INSERT INTO words (rowid, heading, text, file)
    SELECT new.id, new.heading, new.text, file FROM documents WHERE number = new.document;
END;

CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
    DELETE FROM words WHERE rowid = old.id;
END;
