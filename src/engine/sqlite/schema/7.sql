-- Version 7: keywords, and what inbound messages have besides their text.
--
-- The sections of [keyword], and Twilio's words (source); how often each keyword was recognised is
-- counted from the index.
CREATE TABLE keyword(
  place INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  words TEXT NOT NULL,
  reply TEXT,
  media TEXT,
  senders TEXT NOT NULL,
  services TEXT NOT NULL,
  countries TEXT NOT NULL,
  from_us INTEGER,
  until_us INTEGER
) STRICT;
CREATE INDEX event_keyword ON event(keyword, time_us) WHERE keyword IS NOT NULL;

-- The files of a reply (types and links with a space between), and where its number is registered:
-- parameters of its event, which has them in extra, too. A row for each event of a reply that has
-- parameters (INBOUND_ROWS in sql.h).
CREATE TABLE inbound(
  event_seq INTEGER PRIMARY KEY REFERENCES event,
  media_count INTEGER,
  media_types TEXT,
  media_links TEXT,
  from_city TEXT,
  from_state TEXT,
  from_zip TEXT,
  from_country TEXT
) STRICT;
INSERT INTO inbound SELECT seq,
  max(0, CAST(coalesce(json_extract(extra, '$.NumMedia'), json_extract(extra, '$.data.numMedia'))
    AS INTEGER)),
  (SELECT group_concat(replace(value, ' ', '%20'), ' ') FROM (SELECT value FROM json_each(extra)
    WHERE key GLOB 'MediaContentType[0-9]*' ORDER BY CAST(substr(key, 17) AS INTEGER))),
  (SELECT group_concat(replace(value, ' ', '%20'), ' ') FROM (SELECT value FROM json_each(extra)
    WHERE key GLOB 'MediaUrl[0-9]*' ORDER BY CAST(substr(key, 9) AS INTEGER))),
  nullif(CAST(json_extract(extra, '$.FromCity') AS TEXT), ''),
  nullif(CAST(json_extract(extra, '$.FromState') AS TEXT), ''),
  nullif(CAST(json_extract(extra, '$.FromZip') AS TEXT), ''),
  nullif(CAST(json_extract(extra, '$.FromCountry') AS TEXT), '')
  FROM event WHERE type = 'Replied' AND json_valid(extra);

CREATE VIEW inbound_messages AS SELECT e.seq,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.time_us / 1000000, 'unixepoch') AS time,
  coalesce(m.sid, e.sid) AS message, e.peer AS "from", nullif(p.sender, '') AS "to",
  nullif(p.service, '') AS service, e.body, e.keyword, i.media_count, i.media_types,
  i.media_links, i.from_city, i.from_state, i.from_zip, i.from_country
  FROM event e JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id
  LEFT JOIN inbound i ON i.event_seq = e.seq WHERE e.type = 'Replied';

-- Receipts that were removed on purpose (dlrd simulate --undo): their numbers, with the journal
-- entries and times of the first and the last, and the parameter that all of them had. 'dlrd
-- recover' does not report them as lost.
CREATE TABLE removed_range(
  first_seq INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  first_journal INTEGER NOT NULL,
  last_journal INTEGER NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL
) STRICT;
CREATE TABLE removed_run(
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(name, text)
) STRICT, WITHOUT ROWID;
