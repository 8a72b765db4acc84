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
