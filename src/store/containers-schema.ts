/**
 * The tables of containers and of what they hold of the host. A container keeps its image; its leases go with it.
 */
export const CONTAINERS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
    image_name TEXT NOT NULL, command TEXT NOT NULL, exposed TEXT NOT NULL, created INTEGER NOT NULL, config TEXT NOT NULL, host TEXT NOT NULL,
    mounts TEXT NOT NULL, cgroup TEXT NOT NULL, phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, network TEXT, started TEXT, finished TEXT,
    code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '') STRICT;
  CREATE INDEX IF NOT EXISTS containers_image ON containers(image);
  CREATE INDEX IF NOT EXISTS containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing');
  CREATE TABLE IF NOT EXISTS networks (
    namespace TEXT NOT NULL, name TEXT NOT NULL, bridge TEXT NOT NULL, subnet TEXT NOT NULL, last TEXT NOT NULL,
    PRIMARY KEY (namespace, name)) STRICT;
  CREATE TABLE IF NOT EXISTS leases (
    namespace TEXT NOT NULL, network TEXT NOT NULL, address TEXT NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, network, address)) STRICT;
  CREATE INDEX IF NOT EXISTS leases_container ON leases(container);
  CREATE TABLE IF NOT EXISTS ports (
    namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,
    container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, protocol, host, port)) STRICT;
  CREATE INDEX IF NOT EXISTS ports_container ON ports(container);
  CREATE TABLE IF NOT EXISTS sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
`;
