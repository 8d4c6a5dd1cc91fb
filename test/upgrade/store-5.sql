-- A store of schema version 5: an image that was pulled, a container of it that ended, and what was committed of that; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('5f6d211ccf18','sha256:5f6d211ccf18d4e57fa8aa82ffc51ea44a3fb066605f626686d71ccb784482e2','sha256:5f6d211ccf18d4e57fa8aa82ffc51ea44a3fb066605f626686d71ccb784482e2',3);
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
INSERT INTO images VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','2026-11-27T17:40:22.722437303Z','amd64','linux','',1982501,'2026-11-28T01:05:44.162Z');
INSERT INTO images VALUES('sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116','2026-11-28T01:05:45.229Z','amd64','linux','',1982504,'2026-11-28T01:05:45.229Z');
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116',1,'5f6d211ccf18');
INSERT INTO image_layers VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d',0,'a75043fa9589');
INSERT INTO image_layers VALUES('sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116',0,'a75043fa9589');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO image_tags VALUES('registry.example/busybox','latest','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d');
INSERT INTO image_tags VALUES('registry.example/committed','1','sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116');
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
  phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, started TEXT, finished TEXT,
  code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', mounts TEXT NOT NULL DEFAULT 'null', cgroup TEXT NOT NULL DEFAULT '', paused INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, restart_at INTEGER NOT NULL DEFAULT 0, restart_doublings INTEGER NOT NULL DEFAULT -1, stopped INTEGER NOT NULL DEFAULT 0, health INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO containers VALUES('05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','made','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sh -c ''echo hi >/new''','',1795827944177,'{"Hostname":"05e2ee88989b","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh","-c","echo hi >/new"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,'2026-11-28T01:05:44.200Z','2026-11-28T01:05:44.202003861Z',0,0,'','[]','mdk-bbb4ec35/05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd',0,0,0,-1,0,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('5f6d211ccf18','sha256:5f6d211ccf18d4e57fa8aa82ffc51ea44a3fb066605f626686d71ccb784482e2');
INSERT INTO layer_blobs VALUES('a75043fa9589','sha256:06a9fc2c8d416a7defbc46fffd38ddce39a8afcc50ecf1077370fcc154493263');
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('28f87686133683a463d26eed915271cf');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795827944163,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795827944178,'container','create','05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','{"image":"registry.example/busybox","name":"made"}');
INSERT INTO events VALUES(3,1795827944191,'network','connect','73d73a20fc981c8981f82fa1dbdac11b561f20b6666074a4205d0c6e92e8dea1','{"name":"none","type":"null","container":"05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd"}');
INSERT INTO events VALUES(4,1795827944191,'container','start','05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','{"image":"registry.example/busybox","name":"made"}');
INSERT INTO events VALUES(5,1795827944214,'container','die','05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','{"image":"registry.example/busybox","name":"made","exitCode":"0"}');
INSERT INTO events VALUES(6,1795827944214,'network','disconnect','73d73a20fc981c8981f82fa1dbdac11b561f20b6666074a4205d0c6e92e8dea1','{"name":"none","type":"null","container":"05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd"}');
INSERT INTO events VALUES(7,1795827945231,'image','tag','sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116','{"name":"registry.example/committed:1"}');
INSERT INTO events VALUES(8,1795827945231,'container','commit','05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','{"image":"registry.example/busybox","name":"made","comment":"","imageID":"sha256:b8b01383e04a5e40910bd59023b55c3a3e9087e7ed13ae47676dc74d59be1116","imageRef":"registry.example/committed:1"}');
CREATE TABLE volumes (name TEXT PRIMARY KEY, created INTEGER NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL, anonymous INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE container_volumes (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  volume TEXT NOT NULL REFERENCES volumes(name) ON DELETE RESTRICT,
  PRIMARY KEY (container, volume)) STRICT, WITHOUT ROWID;
CREATE TABLE container_images (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
  PRIMARY KEY (container, image)) STRICT, WITHOUT ROWID;
CREATE TABLE networks (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, created INTEGER NOT NULL, internal INTEGER NOT NULL, ipv6 INTEGER NOT NULL,
  pool4 TEXT, pool6 TEXT, options TEXT NOT NULL, labels TEXT NOT NULL) STRICT;
INSERT INTO networks VALUES('272cf5fcf57ff04b05af14cf3eaec9f2e3fee71c5568c047984941ec9153a906','bridge','bridge',1795827944119,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('8fc9e936d211b08c91c7c2577ceb6375c40b895d350ff823591ff253898c3323','host','host',1795827944119,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('73d73a20fc981c8981f82fa1dbdac11b561f20b6666074a4205d0c6e92e8dea1','none','null',1795827944119,0,0,NULL,NULL,'{}','{}');
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
INSERT INTO endpoints VALUES('05e2ee88989bab996ad09c935461db26a808d2c325fc0804ed33f1ef28dd22cd','73d73a20fc981c8981f82fa1dbdac11b561f20b6666074a4205d0c6e92e8dea1',0,'{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE INDEX image_layers_by_layer ON image_layers(layer_id);
CREATE INDEX image_tags_by_image ON image_tags(image_id);
CREATE INDEX image_digests_by_image ON image_digests(image_id);
CREATE INDEX containers_image ON containers(image);
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing', 'restarting');
CREATE INDEX container_volumes_volume ON container_volumes(volume);
CREATE INDEX container_images_image ON container_images(image);
CREATE INDEX places_network ON places(network);
CREATE UNIQUE INDEX endpoints_address ON endpoints(namespace, network, address) WHERE address IS NOT NULL;
CREATE UNIQUE INDEX endpoints_address6 ON endpoints(namespace, network, address6) WHERE address6 IS NOT NULL;
CREATE INDEX endpoints_network ON endpoints(network, namespace);
CREATE INDEX ports_container ON ports(container);
COMMIT;
PRAGMA user_version=5;
