-- name: models
-- Models of this house, oldest first.
SELECT name, path, kind, bytes, context_tokens, source, pulled FROM models ORDER BY added_at, name;

-- name: put_model
-- Add a model, or say anew what its file holds.
INSERT INTO models (name, path, kind, bytes, context_tokens, source, pulled, added_at)
VALUES (:name, :path, :kind, :bytes, :context_tokens, :source, :pulled, :added_at)
ON CONFLICT (path) DO UPDATE SET kind = excluded.kind, bytes = excluded.bytes,
    context_tokens = excluded.context_tokens;

-- name: remove_model
-- Forget a model.
DELETE FROM models WHERE name = :name;

-- name: chosen_model
-- The model chosen to answer when none is named.
SELECT value AS name FROM settings WHERE name = 'default_model';

-- name: choose_model
-- Choose it.
INSERT INTO settings (name, value) VALUES ('default_model', :name)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
