/**
 * Version 2: what a container was resolved to is in its row (mounts, cgroup), and a layer knows the blobs that were seen to hold it. Layers of
 * version 1 know none: the next pull that names one brings it anew. Containers of version 1 keep what they were made of; they do not run.
 * And whose network it is: the store has an identity, namespaces are named with boot and store, a network by its tag, addresses and
 * subnets are numbers, ports are leased as ranges.
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

-- 32 hexadecimal digits at random.
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES (lower(hex(randomblob(16))));

-- What version 1 knew of networks is known to nobody any more: it names no store.
UPDATE containers SET network = NULL;
DROP TABLE networks;
DROP TABLE leases;
DROP TABLE ports;
DELETE FROM sysctls;
-- last: the address that was leased last.
CREATE TABLE networks (
  namespace TEXT NOT NULL, name TEXT NOT NULL, tag TEXT NOT NULL, address INTEGER NOT NULL, prefix INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE leases (
  namespace TEXT NOT NULL, network TEXT NOT NULL, address INTEGER NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, network, address)) STRICT, WITHOUT ROWID;
CREATE INDEX leases_container ON leases(container);
-- Ranges of one protocol and host address never overlap (leases.ts).
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first),
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE INDEX ports_container ON ports(container);
`;
