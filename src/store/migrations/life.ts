/**
 * Version 3: a container's life as it goes on without a command: paused, restarted by its policy, stopped by its user; and the journal
 * of what happened, written in the transactions that make it happen.
 */
export const LIFE = `
ALTER TABLE containers ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
-- Restarts by the policy since the user started it; of phase 'restarting': when the next is due, in milliseconds of the epoch.
ALTER TABLE containers ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE containers ADD COLUMN restart_at INTEGER NOT NULL DEFAULT 0;
-- The last wait, as 100 ms doubled so often; -1: none yet.
ALTER TABLE containers ADD COLUMN restart_doublings INTEGER NOT NULL DEFAULT -1;
-- The user has stopped it, so that no policy starts it again: 1 by stop, 2 by kill.
ALTER TABLE containers ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
-- 1: its health is checked.
ALTER TABLE containers ADD COLUMN health INTEGER NOT NULL DEFAULT 0;
DROP INDEX containers_active;
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing', 'restarting');

-- time: milliseconds of the epoch. attributes: JSON, as Docker's Actor.Attributes.
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
`;
