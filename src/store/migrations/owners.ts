/**
 * Version 3: whose network it is. The store has an identity, namespaces are named with boot and store, a network by its tag, addresses
 * and subnets are numbers, ports are leased as ranges. What version 2 knew of networks is known to nobody any more: it names no store.
 */
export const OWNERS = `
-- 32 hexadecimal digits at random.
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES (lower(hex(randomblob(16))));

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
