-- A store of schema version 1: a pulled image, a container that never ran and one that ended; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('a75043fa9589','sha256:a75043fa9589f806a63d9dc2713b72a47afbfb1d5bbbfed023ed55a15cb1bdcc','sha256:a75043fa9589f806a63d9dc2713b72a47afbfb1d5bbbfed023ed55a15cb1bdcc',1982501);
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO images VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','2026-11-27T17:40:22.722437303Z','amd64','linux','',1982501,'2026-11-27T18:21:34.142Z');
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d',0,'a75043fa9589');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO image_tags VALUES('registry.example/busybox','latest','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d');
CREATE TABLE image_digests (
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, digest, image_id)
) STRICT, WITHOUT ROWID;
INSERT INTO image_digests VALUES('registry.example/busybox','sha256:3414f0c8fa3677db330fd01cd7c3182ed717738eda2900f2b4defd6130c38dbd','sha256:3414f0c8fa3677db330fd01cd7c3182ed717738eda2900f2b4defd6130c38dbd','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d');
CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
    image_name TEXT NOT NULL, command TEXT NOT NULL, exposed TEXT NOT NULL, created INTEGER NOT NULL, config TEXT NOT NULL, host TEXT NOT NULL,
    phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, network TEXT, started TEXT, finished TEXT,
    code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO containers VALUES('906602d31a7463f57f637228065e9bbc352236fbab926162679b84c3b0fde020','made','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','echo made','80/tcp',1795803694155,'{"Hostname":"906602d31a74","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["A=1","PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["echo","made"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{"k":"v"},"ExposedPorts":{"80/tcp":{}}}','{"Binds":["/srv:/data:ro,rslave"],"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"Memory":67108864,"MemorySwap":0,"NanoCpus":0,"CpuShares":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"ShmSize":67108864}','created',0,NULL,NULL,NULL,0,0,'');
INSERT INTO containers VALUES('89a477dbc6bd4a5e46faacf8ff60e52bbc7d4370e6b65721f5a7da0f6aaf2682','ran','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sh -c ''exit 3''','',1795803694165,'{"Hostname":"89a477dbc6bd","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh","-c","exit 3"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"Memory":0,"MemorySwap":0,"NanoCpus":0,"CpuShares":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"ShmSize":67108864}','exited',0,NULL,'2026-11-27T18:21:34.176Z','2026-11-27T18:21:34.177938385Z',3,0,'');
CREATE TABLE networks (
    namespace TEXT NOT NULL, name TEXT NOT NULL, bridge TEXT NOT NULL, subnet TEXT NOT NULL, last TEXT NOT NULL,
    PRIMARY KEY (namespace, name)) STRICT;
INSERT INTO networks VALUES('net:[4026532989]','bridge','mdk-31f39f','172.17.0.0/16','172.17.0.2');
CREATE TABLE leases (
    namespace TEXT NOT NULL, network TEXT NOT NULL, address TEXT NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, network, address)) STRICT;
CREATE TABLE ports (
    namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,
    container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    PRIMARY KEY (namespace, protocol, host, port)) STRICT;
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE INDEX image_layers_by_layer ON image_layers(layer_id);
CREATE INDEX image_tags_by_image ON image_tags(image_id);
CREATE INDEX image_digests_by_image ON image_digests(image_id);
CREATE INDEX containers_image ON containers(image);
CREATE INDEX containers_active ON containers(phase) WHERE phase IN ('started', 'removing');
CREATE INDEX leases_container ON leases(container);
CREATE INDEX ports_container ON ports(container);
COMMIT;
PRAGMA user_version=1;
