-- Version 1. The tables, with what later versions add:
--
-- state          one row: the cursor into the journal, the conflict policy the figures follow
-- campaign       workspace and campaign as the tags named them; '' if they did not fit
-- tagset         a campaign's variants; messages and figures refer to them
-- provider       account, messaging service and our own side's address
-- message        one row a MessageSid: the folded state (model/fold.h); error_code -1 for none,
--                times 0 for never, outcome 0 none, 1 delivered, 2 failed, 3 canceled
-- event          one row a receipt that is not a duplicate; peer is the person's address;
--                message_id is NULL and sid set if no message was folded from it; tagged is whether
--                its own tags named a campaign (else it has its message's); reference identifies an
--                event without a message
-- campaign_hour, provider_hour, campaign_error: the sums of model/rollup.h
-- reply          one row an inbound message: its sender, the campaign that it answers, and by which
--                rule (store/replies.h); tagset_id is from its own URL
-- consent        the opt-out ledger: each piece of evidence, in the order in which it was stored
-- optout         derived from it: the current state of each number and scope
-- inbound        files of replies, and where their numbers are registered
-- alert          reports of Twilio's debugger, and requests that show a wrong setting in Twilio
-- provider_name  the configured nicknames
-- keyword        Twilio's words, and the configured sections
-- person         the number of an address that is not a number (store/persons.h)
-- signature      keys of counted signatures that no event has (store/signatures.h)

CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  cursor INTEGER NOT NULL,
  policy TEXT NOT NULL
) STRICT;
INSERT INTO state VALUES(1, 0, 'delivered-wins');

CREATE TABLE campaign(
  id INTEGER PRIMARY KEY,
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  duplicates INTEGER NOT NULL DEFAULT 0,
  UNIQUE(workspace, name)
) STRICT;

CREATE TABLE tagset(
  id INTEGER PRIMARY KEY,
  campaign_id INTEGER NOT NULL REFERENCES campaign,
  variant TEXT NOT NULL,
  UNIQUE(campaign_id, variant)
) STRICT;

CREATE TABLE provider(
  id INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  service TEXT NOT NULL,
  sender TEXT NOT NULL,
  UNIQUE(account, service, sender)
) STRICT;

CREATE TABLE message(
  id INTEGER PRIMARY KEY,
  sid TEXT NOT NULL UNIQUE,
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  provider_id INTEGER NOT NULL REFERENCES provider,
  status TEXT NOT NULL,
  outcome INTEGER NOT NULL,
  conflict INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  first_final INTEGER NOT NULL,
  opted_out INTEGER NOT NULL,
  error_code INTEGER NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  sent_us INTEGER NOT NULL,
  delivered_us INTEGER NOT NULL,
  failed_us INTEGER NOT NULL,
  canceled_us INTEGER NOT NULL,
  read_us INTEGER NOT NULL,
  received_us INTEGER NOT NULL
) STRICT;
CREATE INDEX message_failed ON message(tagset_id, error_code, failed_us) WHERE outcome = 2;
CREATE INDEX message_conflict ON message(id) WHERE conflict = 1;

CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  journal_seq INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  type TEXT NOT NULL,
  message_id INTEGER REFERENCES message,
  campaign_id INTEGER NOT NULL REFERENCES campaign,
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  provider_id INTEGER NOT NULL REFERENCES provider,
  status TEXT,
  error_code INTEGER,
  done_date TEXT,
  peer TEXT,
  body TEXT,
  keyword TEXT,
  sid TEXT,
  extra TEXT,
  raw_query BLOB,
  raw_body BLOB
) STRICT;
CREATE INDEX event_message ON event(message_id);
CREATE INDEX event_sid ON event(sid) WHERE sid IS NOT NULL;
CREATE INDEX event_campaign ON event(campaign_id, seq);

CREATE TABLE campaign_hour(
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  hour INTEGER NOT NULL,
  messages INTEGER NOT NULL, sent INTEGER NOT NULL, delivered INTEGER NOT NULL,
  failed INTEGER NOT NULL, canceled INTEGER NOT NULL, pending INTEGER NOT NULL,
  read INTEGER NOT NULL, replied INTEGER NOT NULL, clicked INTEGER NOT NULL,
  opted_out INTEGER NOT NULL, conflicts INTEGER NOT NULL,
  PRIMARY KEY(tagset_id, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_hour(
  provider_id INTEGER NOT NULL REFERENCES provider,
  hour INTEGER NOT NULL,
  messages INTEGER NOT NULL, sent INTEGER NOT NULL, delivered INTEGER NOT NULL,
  failed INTEGER NOT NULL, canceled INTEGER NOT NULL, pending INTEGER NOT NULL,
  read INTEGER NOT NULL, replied INTEGER NOT NULL, clicked INTEGER NOT NULL,
  opted_out INTEGER NOT NULL, conflicts INTEGER NOT NULL,
  PRIMARY KEY(provider_id, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign_error(
  tagset_id INTEGER NOT NULL REFERENCES tagset,
  code INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  PRIMARY KEY(tagset_id, code, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE error_catalogue(
  code INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  permanence TEXT NOT NULL,
  action TEXT NOT NULL
) STRICT;

CREATE VIEW events AS SELECT e.seq,
  strftime('%Y-%m-%dT%H:%M:%S', e.time_us / 1000000, 'unixepoch') ||
  printf('.%03dZ', e.time_us / 1000 % 1000) AS time, e.type,
  c.workspace, c.name AS campaign, t.variant, p.account,
  coalesce(m.sid, e.sid) AS message, e.status, e.error_code,
  CASE e.type WHEN 'Replied' THEN e.peer ELSE nullif(p.sender, '') END AS "from",
  CASE e.type WHEN 'Replied' THEN nullif(p.sender, '') ELSE e.peer END AS "to",
  nullif(p.service, '') AS service, e.body, e.keyword, e.done_date, e.extra,
  e.raw_query, e.raw_body, e.journal_seq
  FROM event e JOIN tagset t ON t.id = e.tagset_id JOIN campaign c ON c.id = e.campaign_id
  JOIN provider p ON p.id = e.provider_id LEFT JOIN message m ON m.id = e.message_id;

CREATE VIEW campaign_stats AS SELECT c.workspace, c.name AS campaign, t.variant,
  coalesce(sum(h.messages), 0) AS messages, coalesce(sum(h.sent), 0) AS sent,
  coalesce(sum(h.delivered), 0) AS delivered,
  coalesce(sum(h.failed), 0) AS failed, coalesce(sum(h.canceled), 0) AS canceled,
  coalesce(sum(h.pending), 0) AS pending,
  coalesce(sum(h.read), 0) AS read, coalesce(sum(h.replied), 0) AS replied,
  coalesce(sum(h.clicked), 0) AS clicked,
  coalesce(sum(h.opted_out), 0) AS opted_out, coalesce(sum(h.conflicts), 0) AS conflicts,
  sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate
  FROM campaign c JOIN tagset t ON t.campaign_id = c.id
  LEFT JOIN campaign_hour h ON h.tagset_id = t.id GROUP BY t.id;

CREATE VIEW campaign_errors AS SELECT c.workspace, c.name AS campaign, t.variant,
  nullif(e.code, -1) AS code, k.name, k.kind, k.permanence, k.action,
  sum(e.failed) AS count
  FROM campaign_error e JOIN tagset t ON t.id = e.tagset_id
  JOIN campaign c ON c.id = t.campaign_id LEFT JOIN error_catalogue k ON k.code = e.code
  GROUP BY t.id, e.code HAVING sum(e.failed) > 0;

CREATE VIEW provider_stats AS SELECT p.account, p.service, p.sender,
  coalesce(sum(h.messages), 0) AS messages, coalesce(sum(h.sent), 0) AS sent,
  coalesce(sum(h.delivered), 0) AS delivered,
  coalesce(sum(h.failed), 0) AS failed, coalesce(sum(h.canceled), 0) AS canceled,
  coalesce(sum(h.pending), 0) AS pending,
  coalesce(sum(h.read), 0) AS read, coalesce(sum(h.replied), 0) AS replied,
  coalesce(sum(h.clicked), 0) AS clicked,
  coalesce(sum(h.opted_out), 0) AS opted_out, coalesce(sum(h.conflicts), 0) AS conflicts,
  sum(h.delivered) * 1.0 / nullif(sum(h.delivered) + sum(h.failed), 0) AS delivery_rate
  FROM provider p LEFT JOIN provider_hour h ON h.provider_id = p.id GROUP BY p.id;
