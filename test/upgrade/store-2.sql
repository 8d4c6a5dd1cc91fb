-- A store of schema version 2: a pulled image, a container that never ran and one that ended; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE containers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
  image_name TEXT NOT NULL, command TEXT NOT NULL, exposed TEXT NOT NULL, created INTEGER NOT NULL, config TEXT NOT NULL, host TEXT NOT NULL,
  phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, network TEXT, started TEXT, finished TEXT,
  code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', mounts TEXT NOT NULL DEFAULT 'null', cgroup TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "containers" VALUES('e8ea0913aeac296fb451bb8c4d75928c5885cc316838a98c62c6cdd97f6927fa','made','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','echo made','80/tcp',1795813302417,'{"Hostname":"e8ea0913aeac","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["echo","made"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{"k":"v"},"ExposedPorts":{"80/tcp":{}}}','{"Binds":["/srv:/data:ro"],"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":67108864,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','created',0,NULL,NULL,NULL,0,0,'','[{"type":"bind","source":"/srv","target":"/data","readonly":true,"propagation":"rprivate","recursive":true,"mode":"ro"}]','mdk-0ce27d24/e8ea0913aeac296fb451bb8c4d75928c5885cc316838a98c62c6cdd97f6927fa');
INSERT INTO "containers" VALUES('8f16a600f4cb93b9f663accaa7335b11fec75271ae85b24c719c90f27ce6459f','ran','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sh -c ''exit 3''','',1795813302436,'{"Hostname":"vm","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh","-c","exit 3"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"host","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,NULL,'2026-11-27T21:01:42.456Z','2026-11-27T21:01:42.461374236Z',3,0,'','[]','mdk-0ce27d24/8f16a600f4cb93b9f663accaa7335b11fec75271ae85b24c719c90f27ce6459f');
CREATE TABLE image_digests (
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, digest, image_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "image_digests" VALUES('registry.example/busybox','sha256:3414f0c8fa3677db330fd01cd7c3182ed717738eda2900f2b4defd6130c38dbd','sha256:3414f0c8fa3677db330fd01cd7c3182ed717738eda2900f2b4defd6130c38dbd','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d');
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "image_layers" VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d',0,'a75043fa9589');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO "image_tags" VALUES('registry.example/busybox','latest','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d');
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "images" VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','2026-11-27T17:40:22.722437303Z','amd64','linux','',1982501,'2026-11-27T21:01:42.401Z');
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO "layer_blobs" VALUES('a75043fa9589','sha256:06a9fc2c8d416a7defbc46fffd38ddce39a8afcc50ecf1077370fcc154493263');
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "layers" VALUES('a75043fa9589','sha256:a75043fa9589f806a63d9dc2713b72a47afbfb1d5bbbfed023ed55a15cb1bdcc','sha256:a75043fa9589f806a63d9dc2713b72a47afbfb1d5bbbfed023ed55a15cb1bdcc',1982501);
CREATE TABLE leases (
  namespace TEXT NOT NULL, network TEXT NOT NULL, address INTEGER NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, network, address)) STRICT, WITHOUT ROWID;
CREATE TABLE networks (
  namespace TEXT NOT NULL, name TEXT NOT NULL, tag TEXT NOT NULL, address INTEGER NOT NULL, prefix INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first),
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO "store" VALUES('c4854a67ddafcebd70b76f811cd40bef');
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE INDEX image_layers_by_layer ON image_layers(layer_id);
CREATE INDEX image_tags_by_image ON image_tags(image_id);
CREATE INDEX image_digests_by_image ON image_digests(image_id);
CREATE INDEX containers_image ON containers(image);
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing');
CREATE INDEX leases_container ON leases(container);
CREATE INDEX ports_container ON ports(container);
COMMIT;
PRAGMA user_version=2;
