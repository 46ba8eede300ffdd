-- name: setting
-- The value of one setting.
SELECT value FROM settings WHERE name = ?

-- name: put_setting
-- Write one setting.
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: users
-- Everyone who lives here.
SELECT id, name, role, salt, hash FROM users

-- name: add_user
-- A new person; the folded name is unique.
INSERT INTO users (id, name, name_folded, role, salt, hash, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded,
    salt = excluded.salt, hash = excluded.hash

-- name: sessions
-- Sessions that have not run out.
SELECT hash, user_id, csrf, expires_at FROM sessions WHERE expires_at > ?

-- name: add_session
-- A new session.
INSERT INTO sessions (hash, user_id, csrf, created_at, expires_at) VALUES (?, ?, ?, ?, ?)

-- name: remove_session
-- Sign out.
DELETE FROM sessions WHERE hash = ?

-- name: remove_old_sessions
-- Forget sessions that ran out.
DELETE FROM sessions WHERE expires_at <= ?

-- name: keys
-- Every key, newest first.
SELECT id, user_id, name, prefix, hash, created_at, last_used_at FROM keys ORDER BY id DESC

-- name: add_key
-- A new key; only its hash is kept.
INSERT INTO keys (id, user_id, name, prefix, hash, created_at) VALUES (?, ?, ?, ?, ?, ?)

-- name: remove_key
-- Revoke a key.
DELETE FROM keys WHERE id = ?

-- name: key_used
-- When a key was last used.
UPDATE keys SET last_used_at = ? WHERE id = ?
