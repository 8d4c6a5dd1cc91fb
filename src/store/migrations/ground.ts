/**
 * Version 2: what a container was resolved to is in its row (mounts, cgroup), and a layer knows the blobs that were seen to hold it. Layers of
 * version 1 know none: the next pull that names one brings it anew. Containers of version 1 keep what they were made of; they do not run.
 */
export const GROUND = `
-- Resolved mounts as JSON (spec/mount-words.ts), and the path of the cgroup below every hierarchy's mount.
ALTER TABLE containers ADD COLUMN mounts TEXT NOT NULL DEFAULT 'null';
ALTER TABLE containers ADD COLUMN cgroup TEXT NOT NULL DEFAULT '';
DROP INDEX containers_active;
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing');

CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
`;
