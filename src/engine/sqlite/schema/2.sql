-- Version 2: meaning of replies, clicks, opt-outs and alerts.
DROP VIEW events; DROP VIEW campaign_stats; DROP VIEW provider_stats;

ALTER TABLE state ADD COLUMN reply_window_us INTEGER NOT NULL DEFAULT 604800000000;
ALTER TABLE state ADD COLUMN reply_late_us INTEGER NOT NULL DEFAULT 3600000000;
ALTER TABLE state ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;

ALTER TABLE campaign_hour ADD COLUMN clicked_messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE provider_hour ADD COLUMN clicked_messages INTEGER NOT NULL DEFAULT 0;

ALTER TABLE message ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN clicked_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN links INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_peer ON message(peer, first_us) WHERE peer <> '' AND received_us = 0;

ALTER TABLE event ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN link TEXT;
ALTER TABLE event ADD COLUMN occurred TEXT;
ALTER TABLE event ADD COLUMN reference TEXT;
ALTER TABLE event ADD COLUMN consent TEXT;
ALTER TABLE event ADD COLUMN cause TEXT;
ALTER TABLE event ADD COLUMN near_miss TEXT;
CREATE INDEX event_reference ON event(reference) WHERE reference IS NOT NULL;
CREATE INDEX event_link ON event(message_id, link, occurred) WHERE link IS NOT NULL;
CREATE INDEX event_near_miss ON event(seq) WHERE near_miss IS NOT NULL;

CREATE TABLE reply(
  message_id INTEGER PRIMARY KEY REFERENCES message,
  peer TEXT NOT NULL,
  sender TEXT NOT NULL,
  service TEXT NOT NULL,
  original TEXT,
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  time_us INTEGER NOT NULL,
  rule TEXT NOT NULL,
  candidates INTEGER NOT NULL,
  answers INTEGER REFERENCES message
) STRICT;
CREATE INDEX reply_peer ON reply(peer, time_us);
CREATE INDEX reply_original ON reply(original) WHERE original IS NOT NULL;
CREATE INDEX reply_rule ON reply(rule);

CREATE TABLE consent(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  number TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL,
  cause TEXT NOT NULL,
  changed INTEGER NOT NULL,
  event_seq INTEGER NOT NULL REFERENCES event,
  time_us INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_number ON consent(number, scope, seq);
CREATE INDEX consent_changed ON consent(seq) WHERE changed = 1;
CREATE INDEX consent_event ON consent(event_seq);

CREATE TABLE optout(
  number TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL,
  consent_seq INTEGER NOT NULL REFERENCES consent,
  PRIMARY KEY(number, scope)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX optout_seq ON optout(consent_seq);

CREATE TABLE alert(
  event_seq INTEGER PRIMARY KEY REFERENCES event,
  level TEXT NOT NULL,
  ours INTEGER NOT NULL,
  resource TEXT,
  request_url TEXT,
  method TEXT,
  response_status INTEGER,
  text TEXT
) STRICT;

CREATE TABLE provider_name(
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY(kind, value)
) STRICT, WITHOUT ROWID;

-- Fills the new columns from the rows of version 1 as far as possible; the rest follows when the
-- daemon recomputes everything.
UPDATE event SET tagged = 1
  WHERE campaign_id IN (SELECT id FROM campaign WHERE name <> '');
UPDATE event SET consent = CASE keyword WHEN 'stop' THEN 'out' ELSE 'in' END,
  cause = 'keyword' WHERE type = 'Replied' AND keyword IN ('stop', 'start');
UPDATE event SET consent = 'out', cause = 'error-21610'
  WHERE type = 'Failed' AND error_code = 21610;
UPDATE event SET (campaign_id, tagset_id) = (SELECT t.campaign_id, t.id FROM message m
  JOIN tagset t ON t.id = m.tagset_id WHERE m.id = message_id)
  WHERE tagged = 0 AND message_id IS NOT NULL;
INSERT INTO reply SELECT e.message_id, person_address(e.peer), p.sender, p.service,
  CASE WHEN json_valid(e.extra) THEN json_extract(e.extra, '$.OriginalRepliedMessageSid') END,
  e.tagset_id, e.time_us, 'none', 0, NULL
  FROM event e JOIN provider p ON p.id = e.provider_id
  WHERE e.type = 'Replied' AND e.message_id IS NOT NULL GROUP BY e.message_id;
INSERT INTO consent(number, scope, state, cause, changed, event_seq, time_us)
  SELECT person_address(e.peer), coalesce(nullif(p.service, ''), p.sender), e.consent, e.cause, 0,
  e.seq, e.time_us FROM event e JOIN provider p ON p.id = e.provider_id
  WHERE e.consent IS NOT NULL AND e.peer <> '' AND (p.service <> '' OR p.sender <> '')
  ORDER BY e.seq;
UPDATE state SET stale = EXISTS(SELECT 1 FROM event);

CREATE VIEW events AS SELECT e.seq,
  strftime('%Y-%m-%dT%H:%M:%S', e.time_us / 1000000, 'unixepoch') ||
  printf('.%03dZ', e.time_us / 1000 % 1000) AS time, e.type,
  c.workspace, c.name AS campaign, t.variant, p.account,
  coalesce(m.sid, e.sid) AS message, e.status, e.error_code,
  CASE e.type WHEN 'Replied' THEN e.peer ELSE nullif(p.sender, '') END AS "from",
  CASE e.type WHEN 'Replied' THEN nullif(p.sender, '') ELSE e.peer END AS "to",
  nullif(p.service, '') AS service, e.body, e.keyword, e.done_date, e.link, e.occurred,
  e.near_miss, e.extra, e.raw_query, e.raw_body, e.journal_seq
  FROM event e JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = e.campaign_id
  JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id;

CREATE VIEW campaign_stats AS SELECT c.workspace, c.name AS campaign, t.variant,
  coalesce(sum(h.messages), 0) AS messages,
  coalesce(sum(h.sent), 0) AS sent,
  coalesce(sum(h.delivered), 0) AS delivered,
  coalesce(sum(h.failed), 0) AS failed,
  coalesce(sum(h.canceled), 0) AS canceled,
  coalesce(sum(h.pending), 0) AS pending,
  coalesce(sum(h.read), 0) AS read,
  coalesce(sum(h.replied), 0) AS replied,
  coalesce(sum(h.clicked), 0) AS clicked,
  coalesce(sum(h.clicked_messages), 0) AS clicked_messages,
  coalesce(sum(h.opted_out), 0) AS opted_out,
  coalesce(sum(h.conflicts), 0) AS conflicts,
  sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate
  FROM campaign c JOIN tagset t ON t.campaign_id = c.id
  LEFT JOIN campaign_hour h ON h.tagset_id = t.id GROUP BY t.id;

CREATE VIEW provider_stats AS SELECT
  (SELECT n.name FROM provider_name n WHERE n.kind = 'sender' AND n.value = p.sender
    OR n.kind = 'service' AND n.value = p.service
    OR n.kind = 'account' AND n.value = p.account OR n.kind = 'default'
    ORDER BY n.kind = 'default', n.kind = 'account', n.kind = 'service' LIMIT 1) AS provider,
  p.account, p.service, p.sender,
  coalesce(sum(h.messages), 0) AS messages,
  coalesce(sum(h.sent), 0) AS sent,
  coalesce(sum(h.delivered), 0) AS delivered,
  coalesce(sum(h.failed), 0) AS failed,
  coalesce(sum(h.canceled), 0) AS canceled,
  coalesce(sum(h.pending), 0) AS pending,
  coalesce(sum(h.read), 0) AS read,
  coalesce(sum(h.replied), 0) AS replied,
  coalesce(sum(h.clicked), 0) AS clicked,
  coalesce(sum(h.clicked_messages), 0) AS clicked_messages,
  coalesce(sum(h.opted_out), 0) AS opted_out,
  coalesce(sum(h.conflicts), 0) AS conflicts,
  sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate
  FROM provider p LEFT JOIN provider_hour h ON h.provider_id = p.id GROUP BY p.id;

CREATE VIEW replies AS SELECT m.sid AS message, r.peer AS "from", r.sender AS "to",
  r.service, c.workspace, c.name AS campaign, t.variant, r.rule, r.candidates,
  a.sid AS answers FROM reply r JOIN message m ON m.id = r.message_id
  JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id
  LEFT JOIN message a ON a.id = r.answers;

CREATE VIEW optouts AS SELECT o.number, o.scope, o.state,
  strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS since, l.cause
  FROM optout o JOIN consent l ON l.seq = o.consent_seq;

CREATE VIEW optout_history AS SELECT l.seq, l.number, l.scope, l.state, l.cause, l.changed,
  strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS time,
  coalesce(m.sid, e.sid) AS message, l.event_seq FROM consent l
  JOIN event e ON e.seq = l.event_seq LEFT JOIN message m ON m.id = e.message_id;

CREATE VIEW alerts AS SELECT e.seq, e.reference AS sid,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.time_us / 1000000, 'unixepoch') AS time, a.level,
  p.account, e.error_code, k.name, a.ours, a.resource, a.request_url, a.method,
  a.response_status, a.text FROM alert a JOIN event e ON e.seq = a.event_seq
  JOIN provider p ON p.id = e.provider_id
  LEFT JOIN error_catalogue k ON k.code = e.error_code;
