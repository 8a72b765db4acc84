-- Version 4: the order in which receipts were stored does not matter.
--
-- consent.changed is 1 in the rows that followers of the opt-out list read; a correction is no
-- evidence (store/consents.h).
ALTER TABLE consent ADD COLUMN correction INTEGER NOT NULL DEFAULT 0;
DROP INDEX consent_number;
CREATE INDEX consent_number ON consent(number, scope, time_us);

DROP VIEW optout_history;
CREATE VIEW optout_history AS SELECT l.seq, l.number, l.scope, l.state, l.cause,
  l.state IS NOT lag(l.state) OVER (PARTITION BY l.number, l.scope
    ORDER BY l.time_us, l.state, l.cause, l.seq) AS changed,
  strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS time,
  coalesce(m.sid, e.sid) AS message, l.event_seq FROM consent l
  JOIN event e ON e.seq = l.event_seq LEFT JOIN message m ON m.id = e.message_id
  WHERE l.correction = 0;

UPDATE state SET stale = 1 WHERE EXISTS(SELECT 1 FROM event);
