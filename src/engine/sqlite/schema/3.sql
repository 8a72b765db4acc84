-- Version 3: a reply answers only what had left; numbers are found by their last digits; an opt-out
-- without a sender is one from the account.
ALTER TABLE message ADD COLUMN left_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN left_us INTEGER NOT NULL DEFAULT 0;
UPDATE event SET left_us = event_left(occurred, done_date)
  WHERE (status IN ('sent', 'delivered', 'undelivered', 'read') OR type = 'Clicked')
  AND message_id IN (SELECT m.id FROM reply r JOIN message m
    ON m.peer = r.peer AND m.peer <> '' AND m.received_us = 0 AND m.first_us > r.time_us
    AND m.first_us <= r.time_us + (SELECT reply_late_us FROM state));
UPDATE message SET left_us = e.left_us FROM (SELECT message_id, min(left_us) AS left_us
  FROM event WHERE left_us > 0 GROUP BY message_id) e WHERE e.message_id = message.id;
UPDATE state SET stale = 2 WHERE stale = 0 AND EXISTS(SELECT 1 FROM reply);

ALTER TABLE event ADD COLUMN signature BLOB;
CREATE TABLE signature(key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- The ID of a person is in a form's parameters or in the data of Event Streams.
CREATE TABLE person(alias TEXT PRIMARY KEY, number TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO person SELECT 'whatsapp:' || id, person_address(peer) FROM
  (SELECT seq, peer, coalesce(json_extract(extra, '$.ExternalUserId'),
    json_extract(extra, '$.data.externalUserId'),
    json_extract(extra, '$.data.external_user_id')) AS id FROM event
    WHERE peer LIKE 'whatsapp:+%' AND extra LIKE '%External%User%Id%' AND json_valid(extra))
  WHERE id <> '' ORDER BY seq ON CONFLICT DO NOTHING;
UPDATE message SET peer = person_address(peer)
  WHERE peer GLOB '+5[245]*' OR peer GLOB 'whatsapp:+5[245]*';
UPDATE reply SET peer = person_address(peer)
  WHERE peer GLOB '+5[245]*' OR peer GLOB 'whatsapp:+5[245]*';
UPDATE message SET peer = p.number FROM person p WHERE p.alias = peer;
UPDATE reply SET peer = p.number FROM person p WHERE p.alias = peer;

CREATE INDEX optout_ending ON optout(substr(number, -7));
INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)
  SELECT person_address(e.peer),
  coalesce(nullif(mp.service, ''), nullif(mp.sender, ''), p.account), 'out',
  coalesce(e.cause, ''), 0, e.seq, e.time_us
  FROM event e JOIN provider p ON p.id = e.provider_id
  LEFT JOIN message m ON m.id = e.message_id LEFT JOIN provider mp ON mp.id = m.provider_id
  WHERE e.consent = 'out' AND e.type <> 'Replied' AND e.peer <> ''
  AND p.account <> '' AND p.service = '' AND p.sender = ''
  AND NOT EXISTS (SELECT 1 FROM consent l WHERE l.event_seq = e.seq) ORDER BY e.seq;
UPDATE consent SET number = person_address(number)
  WHERE number GLOB '+5[245]*' OR number GLOB 'whatsapp:+5[245]*';
UPDATE consent SET number = p.number FROM person p WHERE p.alias = consent.number;

-- The state of each number and scope, and which evidence changed it, from the evidence.
UPDATE consent SET changed = x.changes FROM (SELECT seq, state IS NOT lag(state)
  OVER (PARTITION BY number, scope ORDER BY seq) AS changes FROM consent) x
  WHERE x.seq = consent.seq AND x.changes <> consent.changed;
DELETE FROM optout;
INSERT INTO optout SELECT l.number, l.scope, l.state, l.seq FROM (SELECT max(seq)
  AS seq FROM consent WHERE changed = 1 GROUP BY number, scope) s
  JOIN consent l ON l.seq = s.seq;
