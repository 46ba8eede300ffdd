-- name: add_chat
-- A new chat.
INSERT INTO chats (id, user_id, title, pinned, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)

-- name: chat
-- One chat of one person.
SELECT c.id, c.title, c.created_at, c.updated_at, c.pinned,
       (SELECT count(*) FROM turns t WHERE t.chat_id = c.id) AS turns
FROM chats c WHERE c.id = ? AND c.user_id = ?

-- name: change_chat
-- Title, pin, time of change.
UPDATE chats SET title = ?, pinned = ?, updated_at = ? WHERE id = ? AND user_id = ?

-- name: remove_chat
-- Forget a chat; its turns go with it.
DELETE FROM chats WHERE id = ? AND user_id = ?

-- name: chats
-- A page of chats, pinned first, then newest first.
SELECT c.id, c.title, c.created_at, c.updated_at, c.pinned,
       (SELECT count(*) FROM turns t WHERE t.chat_id = c.id) AS turns
FROM chats c
WHERE c.user_id = :user AND (c.pinned, c.updated_at, c.id) < (:pinned, :updated, :id)
ORDER BY c.pinned DESC, c.updated_at DESC, c.id DESC LIMIT :limit

-- name: search_chats
-- Turns whose question or answer match, best first, each with its chat and the place.
SELECT c.id, c.title, c.created_at, c.updated_at, c.pinned,
       (SELECT count(*) FROM turns n WHERE n.chat_id = c.id) AS turns,
       snippet(turns_fts, -1, '‹', '›', '…', 16) AS snippet
FROM turns_fts JOIN turns t ON t.number = turns_fts.rowid JOIN chats c ON c.id = t.chat_id
WHERE turns_fts MATCH :match AND c.user_id = :user ORDER BY turns_fts.rank LIMIT 200

-- name: add_turn
-- A new turn; nothing happens when this client id was seen in this chat.
INSERT INTO turns (id, chat_id, parent_id, client_id, question, state, model, collections, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat_id, client_id) DO NOTHING

-- name: index_question
-- Make the question of a turn searchable.
INSERT INTO turns_fts (rowid, question, answer) SELECT number, question, '' FROM turns WHERE id = ?

-- name: index_answer
-- Make the answer of a finished turn searchable.
UPDATE turns_fts SET answer = ? WHERE rowid = (SELECT number FROM turns WHERE id = ?)

-- name: touch_chat
-- A chat something was asked in.
UPDATE chats SET updated_at = ?, title = CASE WHEN title = '' THEN ? ELSE title END WHERE id = ?

-- name: turns
-- All turns of a chat, oldest first.
SELECT * FROM turns WHERE chat_id = ? ORDER BY number

-- name: turn
-- One turn of one person.
SELECT t.* FROM turns t JOIN chats c ON c.id = t.chat_id WHERE t.id = ? AND c.user_id = ?

-- name: turn_by_client
-- The turn a client id belongs to.
SELECT * FROM turns WHERE chat_id = ? AND client_id = ?

-- name: save_answer
-- What is written so far.
UPDATE turns SET answer = ?, state = ?, sources = ?, model = ? WHERE id = ?

-- name: finish
-- The end of a turn.
UPDATE turns SET answer = ?, state = ?, sources = ?, model = ?, citations = ?, refused = ?, finished_at = ?,
       prompt_tokens = ?, completion_tokens = ?, first_token_ms = ?, duration_ms = ?, error = ?
WHERE id = ?

-- name: open_turns
-- Turns that were being answered when the house stopped.
SELECT * FROM turns WHERE state IN ('queued', 'writing')

-- name: cut_open_turns
-- Say of them that they were cut.
UPDATE turns SET state = 'cut', finished_at = ? WHERE state IN ('queued', 'writing')
