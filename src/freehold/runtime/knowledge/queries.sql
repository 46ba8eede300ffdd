-- name: known
-- What is known of a collection's documents, to see what changed.
SELECT number, place, file, bytes, changed_ns, sha256, state, reason, note, passages
FROM documents WHERE collection = ?

-- name: known_at
-- The same for one place.
SELECT number, place, file, bytes, changed_ns, sha256, state, reason, note, passages
FROM documents WHERE collection = ? AND place = ?

-- name: expect
-- A document is to be read; one that is known keeps its passages until it was.
INSERT INTO documents (id, collection, file, place, path, bytes, changed_ns, sha256, state, added_at)
VALUES (:id, :collection, :file, :place, :path, :bytes, :changed_ns, :sha256, 'waiting', :added_at)
ON CONFLICT (collection, place) DO UPDATE SET
    file = excluded.file, path = excluded.path, bytes = excluded.bytes,
    changed_ns = excluded.changed_ns, sha256 = excluded.sha256,
    state = 'waiting', reason = '', note = ''
RETURNING number

-- name: touch
-- The same bytes with another time of change.
UPDATE documents SET changed_ns = ? WHERE number = ?

-- name: to_read
-- Documents that wait to be read.
SELECT number, collection, file, path FROM documents WHERE state = 'waiting' ORDER BY number

-- name: to_read_one
-- One of them.
SELECT number, collection, file, path FROM documents WHERE number = ? AND state = 'waiting'

-- name: indexed
-- A document was read.
UPDATE documents SET state = 'indexed', reason = '', note = :note, kind = :kind, pages = :pages,
    passages = :passages, bytes = :bytes, changed_ns = :changed_ns, sha256 = :sha256
WHERE number = :number AND path = :path AND state = 'waiting'

-- name: failed
-- A document could not be read.
UPDATE documents SET state = 'failed', reason = :reason, note = :note, pages = NULL, passages = 0,
    bytes = :bytes, changed_ns = :changed_ns, sha256 = :sha256
WHERE number = :number AND path = :path AND state = 'waiting'

-- name: remove
-- Forget a document; its passages go with it.
DELETE FROM documents WHERE number = ?

-- name: numbered
-- Number, path and digest of a document.
SELECT number, path, sha256 FROM documents WHERE id = ?

-- name: references
-- How many documents lie at a path.
SELECT count(*) FROM documents WHERE path = ?

-- name: page
-- Documents in order of age, after one of them.
SELECT d.id, d.collection, d.file, d.kind, d.bytes, d.passages, d.state, d.reason, d.note, d.pages,
       d.added_at, NOT EXISTS (
           SELECT 1 FROM passages p LEFT JOIN vectors v ON v.passage = p.id
           WHERE p.document = d.number AND v.passage IS NULL
       ) AS meaning_done
FROM documents d
WHERE (:collection IS NULL OR d.collection = :collection)
  AND d.number > coalesce((SELECT number FROM documents WHERE id = :after), 0)
ORDER BY d.number LIMIT :limit

-- name: document
-- One document.
SELECT d.id, d.collection, d.file, d.kind, d.bytes, d.passages, d.state, d.reason, d.note, d.pages,
       d.added_at, NOT EXISTS (
           SELECT 1 FROM passages p LEFT JOIN vectors v ON v.passage = p.id
           WHERE p.document = d.number AND v.passage IS NULL
       ) AS meaning_done
FROM documents d WHERE d.id = ?

-- name: id_of
-- The id of a document by its number.
SELECT id FROM documents WHERE number = ?

-- name: collections
-- Every collection with its sums.
SELECT collection AS name, count(*) AS files, sum(passages) AS passages, sum(bytes) AS bytes
FROM documents GROUP BY collection ORDER BY collection

-- name: text
-- What was read from a document, in order; of one page when one is named.
SELECT p.text, p.page, p.line, p.heading
FROM passages p JOIN documents d ON d.number = p.document
WHERE d.id = :id AND (:page IS NULL OR p.page = :page) ORDER BY p.id

-- name: headings
-- A heading of each of the newest documents: the first that is neither too short nor too long.
SELECT d.file, (
    SELECT p.heading FROM passages p
    WHERE p.document = d.number AND length(p.heading) BETWEEN 4 AND 90 ORDER BY p.id LIMIT 1 OFFSET 1
) AS heading
FROM documents d WHERE d.state = 'indexed' AND d.passages > 0
ORDER BY d.number DESC LIMIT 60
