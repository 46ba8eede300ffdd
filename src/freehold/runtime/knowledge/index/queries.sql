-- name: by_words
-- Passages that match, best first, each with which words of the query it holds.
SELECT w.rowid AS id, -w.rank AS score, matched(words) AS mask
FROM words w WHERE words MATCH :match ORDER BY w.rank LIMIT :limit

-- name: by_words_in
-- The same, in some collections.
SELECT w.rowid AS id, -w.rank AS score, matched(words) AS mask
FROM words w
JOIN passages p ON p.id = w.rowid
JOIN documents d ON d.number = p.document
WHERE words MATCH :match AND d.collection IN (SELECT value FROM json_each(:collections))
ORDER BY w.rank LIMIT :limit

-- name: word_count
-- How many passages hold a word, by its stem.
SELECT doc FROM word_counts WHERE term = ?

-- name: counts
-- Passages in all, and those with a vector.
SELECT (SELECT count(*) FROM passages), (SELECT count(*) FROM vectors)

-- name: passage
-- One passage as search shows it.
SELECT p.id, d.id AS document_id, d.collection, d.file, p.text, p.page, p.line, p.heading
FROM passages p JOIN documents d ON d.number = p.document WHERE p.id = ?

-- name: vectors
-- Every vector with what it belongs to.
SELECT v.passage, p.document, d.collection, v.vector
FROM vectors v
JOIN passages p ON p.id = v.passage
JOIN documents d ON d.number = p.document

-- name: waiting
-- Passages without a vector, in order.
SELECT p.id, p.document, d.file, p.heading, p.text
FROM passages p JOIN documents d ON d.number = p.document
WHERE p.id > ? AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.passage = p.id)
ORDER BY p.id LIMIT ?

-- name: owner
-- Document and collection of a passage.
SELECT p.document, d.collection
FROM passages p JOIN documents d ON d.number = p.document WHERE p.id = ?

-- name: add_vector
-- The vector of a passage.
INSERT OR REPLACE INTO vectors (passage, vector) VALUES (?, ?)

-- name: old_vectors
-- What the passages of a document had, to be kept by those that stay the same.
SELECT p.heading, p.text, v.vector
FROM passages p JOIN vectors v ON v.passage = p.id WHERE p.document = ?

-- name: remove_passages
-- Forget the passages of a document; words and vectors go with them.
DELETE FROM passages WHERE document = ?

-- name: add_passage
-- A passage; its words are kept by a trigger.
INSERT INTO passages (document, page, line, heading, text) VALUES (?, ?, ?, ?, ?)

-- name: model
-- What made the vectors.
SELECT model FROM meaning

-- name: set_model
-- Say what makes the vectors.
INSERT INTO meaning (only, model) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET model = excluded.model

-- name: forget_vectors
-- All vectors, when another model is to make them.
DELETE FROM vectors
