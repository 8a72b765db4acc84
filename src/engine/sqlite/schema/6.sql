-- Version 6: where the tags of a receipt were read: the path and query of its URL, for 'dlrd retag'.
-- A query is NULL if the event has it as its raw_query. Equal rows may repeat.
CREATE TABLE source(
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  query BLOB
) STRICT;
ALTER TABLE event ADD COLUMN source_id INTEGER REFERENCES source;
