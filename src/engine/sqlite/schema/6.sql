-- Version 6: where the tags of a receipt were read: the path and query of its URL, for 'dlrd retag'.
-- A query is NULL if the event has it as its raw_query. Equal rows may repeat.
CREATE TABLE source(
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL,
  query BLOB
) STRICT;
ALTER TABLE event ADD COLUMN source_id INTEGER REFERENCES source;

-- Messages and events are listed by group in the order of their numbers (base/merge.h).
-- message.facts is what its figures count: 32 for each outcome, 16 sent, 8 read, 4 clicked,
-- 2 conflict; -1 for a message that is the person's alone (seen: received, bit 2048).
-- event.kind is the number of its type (model/event.h), event.code its error code, -1 for none.
ALTER TABLE message ADD COLUMN facts INTEGER AS (CASE WHEN (seen & ~2048) = 0 THEN -1
  ELSE outcome * 32 + (sent_us <> 0) * 16 + (read_us <> 0) * 8 + (links > 0) * 4 + conflict * 2
  END) VIRTUAL;
CREATE INDEX message_group ON message(tagset_id, provider_id, facts);
CREATE INDEX message_provider ON message(provider_id, facts);
ALTER TABLE event ADD COLUMN kind INTEGER AS (CASE type WHEN 'Delivered' THEN 2 WHEN 'Sent' THEN 1
  WHEN 'Failed' THEN 3 WHEN 'Progress' THEN 0 WHEN 'Read' THEN 4 WHEN 'Replied' THEN 5
  WHEN 'Clicked' THEN 6 ELSE 7 END) VIRTUAL;
DROP INDEX event_campaign;
ALTER TABLE event ADD COLUMN code INTEGER AS (coalesce(error_code, -1)) VIRTUAL;
CREATE INDEX event_group ON event(tagset_id, kind, code);

-- block: the numbers, divided by 8192, of messages (figure: enum figure) that have this fact in that
-- hour, and of events (figure -1) that arrived in it. A row may be there without any, but none is
-- missing: a question about a time reads only these blocks.
CREATE TABLE hour_block(
  figure INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  block INTEGER NOT NULL,
  PRIMARY KEY(figure, hour, block)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO hour_block SELECT -1, time_us / 3600000000, seq / 8192 FROM event;
INSERT OR IGNORE INTO hour_block SELECT x.figure, x.time_us / 3600000000, x.id / 8192 FROM
  (SELECT f.figure AS figure, m.id AS id, CASE f.figure WHEN 0 THEN m.first_us WHEN 1 THEN m.sent_us
    WHEN 2 THEN m.delivered_us WHEN 3 THEN m.failed_us WHEN 4 THEN m.canceled_us
    WHEN 5 THEN m.sent_us WHEN 6 THEN m.read_us WHEN 7 THEN m.received_us
    WHEN 11 THEN m.first_us ELSE m.clicked_us END AS time_us
    FROM message m, (SELECT 0 AS figure UNION ALL VALUES(1), (2), (3), (4), (5), (6), (7), (8), (9),
    (11)) f) x WHERE x.time_us <> 0;
INSERT OR IGNORE INTO hour_block SELECT 10, received_us / 3600000000, id / 8192 FROM message
  WHERE received_us <> 0 AND opted_out <> 0;

-- How long deliveries took, from the first receipt that shows that a message had left: the number of
-- messages by about that many milliseconds (model/rollup.h, delay_class).
CREATE TABLE campaign_delay(
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  ms INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY(tagset_id, ms)
) STRICT, WITHOUT ROWID;
INSERT INTO campaign_delay SELECT tagset_id, delay_class((delivered_us - sent_us) / 1000), count(*)
  FROM message WHERE outcome = 1 AND sent_us > 0 AND delivered_us > sent_us GROUP BY 1, 2;
