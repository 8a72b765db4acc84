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

-- Evidence has the time of its event. A state that changes by that is announced to followers.
UPDATE consent SET time_us = e.time_us FROM event e
  WHERE e.seq = consent.event_seq AND e.time_us <> consent.time_us;
CREATE TEMP TABLE state_now AS SELECT number, scope, state, seq, max(n) FROM
  (SELECT number, scope, state, seq, state IS NOT lag(state) OVER w AS starts,
    row_number() OVER w AS n FROM consent
    WINDOW w AS (PARTITION BY number, scope ORDER BY time_us, state, cause, seq))
  WHERE starts GROUP BY number, scope;
INSERT INTO consent(number, scope, state, cause, changed, correction, event_seq, time_us)
  SELECT l.number, l.scope, l.state, 'correction', 1, 1, l.event_seq, l.time_us
  FROM state_now n JOIN consent l ON l.seq = n.seq
  LEFT JOIN optout o ON o.number = n.number AND o.scope = n.scope WHERE o.state IS NOT n.state;
DELETE FROM optout;
INSERT INTO optout SELECT number, scope, state, seq FROM state_now;
DROP TABLE state_now;

UPDATE state SET stale = iif(stale = 1, 1, 3) WHERE EXISTS(SELECT 1 FROM event);
