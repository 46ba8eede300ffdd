-- The house: people, keys, chats. Times are seconds since 1970 (UTC). JSON columns hold arrays.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    role        TEXT NOT NULL CHECK (role IN ('admin', 'developer', 'monitor', 'guest')),
    salt        BLOB,
    hash        BLOB,
    created_at  REAL NOT NULL
) STRICT;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf       TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT;

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    created_at   REAL NOT NULL,
    last_used_at REAL
) STRICT;

CREATE TABLE chats (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT NOT NULL,
    pinned     INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;

CREATE INDEX chats_by_user ON chats (user_id, pinned DESC, updated_at DESC);

CREATE TABLE turns (
    number            INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE,
    chat_id           TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent_id         TEXT,
    client_id         TEXT NOT NULL,
    question          TEXT NOT NULL,
    answer            TEXT NOT NULL DEFAULT '',
    state             TEXT NOT NULL,
    model             TEXT NOT NULL,
    collections       TEXT,
    created_at        REAL NOT NULL,
    finished_at       REAL,
    refused           INTEGER NOT NULL DEFAULT 0,
    sources           TEXT NOT NULL DEFAULT '[]',
    citations         TEXT NOT NULL DEFAULT '[]',
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    first_token_ms    REAL,
    duration_ms       REAL,
    error             TEXT,
    UNIQUE (chat_id, client_id)
) STRICT;

CREATE INDEX turns_open ON turns (state) WHERE state IN ('queued', 'writing');

-- Full-text search over chats: a question on arrival, its answer once it is finished.
CREATE VIRTUAL TABLE turns_fts USING fts5 (question, answer, tokenize = 'porter unicode61');
CREATE TRIGGER turns_removed AFTER DELETE ON turns
BEGIN
    DELETE FROM turns_fts WHERE rowid = old.number;
END;
