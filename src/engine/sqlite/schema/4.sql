-- Version 4: the order in which receipts were stored does not matter.
--
-- consent.changed is 1 in the rows that followers of the opt-out list read; a correction is no
-- evidence (store/consents.h).
-- event.arrival_seq is the journal entry of a receipt's earliest arrival, if it is not the one that
-- the event was stored from: 'dlrd recover' needs to know that one.
ALTER TABLE event ADD COLUMN arrival_seq INTEGER;
ALTER TABLE consent ADD COLUMN correction INTEGER NOT NULL DEFAULT 0;
DROP INDEX consent_number;
CREATE INDEX consent_number ON consent(number, scope, time_us) WHERE correction = 0;
CREATE INDEX consent_state ON consent(number, scope, state, time_us) WHERE correction = 0;
CREATE INDEX consent_announced ON consent(number, scope, seq) WHERE changed = 1;

DROP VIEW optout_history;
CREATE VIEW optout_history AS SELECT l.seq, l.number, l.scope, l.state, l.cause,
  l.state IS NOT lag(l.state) OVER (PARTITION BY l.number, l.scope
    ORDER BY l.time_us, l.state, l.cause, l.seq) AS changed,
  strftime('%Y-%m-%dT%H:%M:%SZ', l.time_us / 1000000, 'unixepoch') AS time,
  coalesce(m.sid, e.sid) AS message, l.event_seq FROM consent l
  JOIN event e ON e.seq = l.event_seq LEFT JOIN message m ON m.id = e.message_id
  WHERE l.correction = 0;

-- Evidence has the time of its event.
UPDATE consent SET time_us = e.time_us FROM event e
  WHERE e.seq = consent.event_seq AND e.time_us <> consent.time_us;
DELETE FROM optout;
INSERT INTO optout SELECT number, scope, state, seq FROM
  (SELECT number, scope, state, seq, max(n) FROM
    (SELECT number, scope, state, seq, state IS NOT lag(state) OVER w AS starts,
      row_number() OVER w AS n FROM consent
      WINDOW w AS (PARTITION BY number, scope ORDER BY time_us, state, cause, seq))
    WHERE starts GROUP BY number, scope);

-- Followers that read another state last are told the right one.
INSERT INTO consent(number, scope, state, cause, changed, correction, event_seq, time_us)
  SELECT coalesce(o.number, f.number), coalesce(o.scope, f.scope), coalesce(o.state, 'in'),
  'correction', 1, 1, coalesce(l.event_seq, f.event_seq), coalesce(l.time_us, f.time_us)
  FROM (SELECT number, scope, state, event_seq, time_us, max(seq) FROM consent
    WHERE changed = 1 GROUP BY number, scope) f
  FULL JOIN optout o ON o.number = f.number AND o.scope = f.scope
  LEFT JOIN consent l ON l.seq = o.consent_seq
  WHERE coalesce(f.state, 'in') <> coalesce(o.state, 'in');

UPDATE state SET stale = iif(stale = 1, 1, 3) WHERE EXISTS(SELECT 1 FROM event);
