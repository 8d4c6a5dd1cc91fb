/**
 * Version 5: networks that users define, where each of them is in a network namespace of the host, containers' endpoints on them with
 * their addresses, and ports as ranges that lead to one of these. What ran with version 4 goes on.
 */
export const NETWORKS = `
ALTER TABLE networks RENAME TO networks4;
-- pool4, pool6: JSON, null: chosen where it is used; options, labels: JSON.
CREATE TABLE networks (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, created INTEGER NOT NULL, internal INTEGER NOT NULL, ipv6 INTEGER NOT NULL,
  pool4 TEXT, pool6 TEXT, options TEXT NOT NULL, labels TEXT NOT NULL) STRICT;
INSERT INTO networks SELECT lower(hex(randomblob(32))), column1, column2, CAST(unixepoch('subsec') * 1000 AS INTEGER), 0, 0, NULL, NULL, '{}', '{}'
  FROM (VALUES ('bridge', 'bridge'), ('host', 'host'), ('none', 'null'));
-- What names the store's firewall table and links in a namespace.
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO namespaces SELECT namespace, tag FROM networks4 WHERE name = 'bridge';
-- last, last6: the address that was leased last.
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
CREATE INDEX places_network ON places(network);
INSERT INTO places SELECT namespace, (SELECT id FROM networks WHERE name = 'bridge'), 'mdk-' || tag,
  json_object('subnet', format('%d.%d.%d.%d/%d', address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255, prefix),
    'gateway', format('%d.%d.%d.%d', address >> 24, address >> 16 & 255, address >> 8 & 255, (address & 255) + 1), 'range', NULL, 'aux', json('{}'), 'auto', json('true')),
  NULL, last, '' FROM networks4 WHERE name = 'bridge';
DROP TABLE networks4;
-- settings: JSON, what its user asked for. The others: null while the container does not run.
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX endpoints_address ON endpoints(namespace, network, address) WHERE address IS NOT NULL;
CREATE UNIQUE INDEX endpoints_address6 ON endpoints(namespace, network, address6) WHERE address6 IS NOT NULL;
CREATE INDEX endpoints_network ON endpoints(network, namespace);
INSERT INTO endpoints SELECT containers.id, networks.id, 0, '{}', CASE WHEN leases.address IS NULL THEN NULL ELSE lower(hex(randomblob(32))) END,
    leases.namespace, leases.address, NULL, CASE WHEN leases.address IS NULL THEN NULL ELSE containers.network ->> '$.mac' END, CASE WHEN leases.address IS NULL THEN NULL ELSE 'eth0' END
  FROM containers JOIN networks ON networks.name = coalesce(host ->> '$.NetworkMode', 'bridge') LEFT JOIN leases ON leases.container = containers.id;
DROP TABLE leases;
ALTER TABLE ports RENAME TO ports4;
DROP INDEX ports_container;
-- first … last of the host lead to inside … of the container's endpoint on the network.
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE INDEX ports_container ON ports(container);
INSERT INTO ports SELECT ports4.namespace, ports4.protocol, ports4.host, ports4.first, ports4.last,
    coalesce((SELECT port.value ->> '$.containerPort' FROM json_each(containers.network, '$.ports') AS port
      WHERE port.value ->> '$.protocol' = ports4.protocol AND port.value ->> '$.hostAddress' = ports4.host AND port.value ->> '$.hostPort' = ports4.first), ports4.first),
    containers.id, (SELECT id FROM networks WHERE name = 'bridge')
  FROM ports4 JOIN containers ON containers.id = ports4.container;
DROP TABLE ports4;
ALTER TABLE containers DROP COLUMN network;
`;
