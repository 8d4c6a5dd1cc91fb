-- A store of schema version 9: images of two platforms under one tag, and an image that was committed; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('1b5f848ab63a','sha256:1b5f848ab63a0e2522623378f32ad6235635bc4788ebd1251000b827046248fd','sha256:1b5f848ab63a0e2522623378f32ad6235635bc4788ebd1251000b827046248fd',3);
INSERT INTO layers VALUES('ae11f0925511','sha256:ae11f09255112ed677cfe5f47ed558028754cd9f475129c1b640ee7cf4f9f183','sha256:ae11f09255112ed677cfe5f47ed558028754cd9f475129c1b640ee7cf4f9f183',2);
INSERT INTO layers VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2025318);
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
, anonymous INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO images VALUES('sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7','2026-11-28T13:22:35.686Z','amd64','linux','',2,'2026-11-28T13:22:35.704Z',0);
INSERT INTO images VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','2024-01-02T03:04:05Z','amd64','linux','',2025318,'2026-11-28T13:22:35.616Z',0);
INSERT INTO images VALUES('sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd','2026-11-28T13:22:35.770Z','amd64','linux','',2025321,'2026-11-28T13:22:35.770Z',0);
INSERT INTO images VALUES('sha256:f4691eaa017023bca4d61a7b338fe0ee3fc157d688d561c8b4829468e2725963','2026-11-28T13:22:35.686Z','arm64','linux','',2,'2026-11-28T13:22:35.704Z',0);
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd',1,'1b5f848ab63a');
INSERT INTO image_layers VALUES('sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7',0,'ae11f0925511');
INSERT INTO image_layers VALUES('sha256:f4691eaa017023bca4d61a7b338fe0ee3fc157d688d561c8b4829468e2725963',0,'ae11f0925511');
INSERT INTO image_layers VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',0,'c94f90e45d34');
INSERT INTO image_layers VALUES('sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd',0,'c94f90e45d34');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, index_digest TEXT,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO image_tags VALUES('registry.example/base','1','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',NULL);
INSERT INTO image_tags VALUES('registry.example/both','1','sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7','sha256:03c93f82075d448f3adb7bb348ff4e85cbfe3cc7f787f4c8de5746a3cfc53328');
INSERT INTO image_tags VALUES('registry.example/committed','1','sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd',NULL);
INSERT INTO image_tags VALUES('registry.example/busybox','latest','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',NULL);
CREATE TABLE image_digests (
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, digest, image_id)
) STRICT, WITHOUT ROWID;
INSERT INTO image_digests VALUES('registry.example/busybox','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c');
CREATE TABLE containers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
  image_name TEXT NOT NULL, command TEXT NOT NULL, exposed TEXT NOT NULL, created INTEGER NOT NULL, config TEXT NOT NULL, host TEXT NOT NULL,
  phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, started TEXT, finished TEXT,
  code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', mounts TEXT NOT NULL DEFAULT 'null', cgroup TEXT NOT NULL DEFAULT '', paused INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, restart_at INTEGER NOT NULL DEFAULT 0, restart_doublings INTEGER NOT NULL DEFAULT -1, stopped INTEGER NOT NULL DEFAULT 0, health INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO containers VALUES('250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','changed','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sh -c ''echo hi >/new''','',1795872155733,'{"Hostname":"250b47efa72b","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sh","-c","echo hi >/new"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,'2026-11-28T13:22:35.744Z','2026-11-28T13:22:35.746972763Z',0,0,'','[]','mdk-6b41d534/250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff',0,0,0,-1,0,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL, size INTEGER, media_type TEXT,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('1b5f848ab63a','sha256:1b5f848ab63a0e2522623378f32ad6235635bc4788ebd1251000b827046248fd',NULL,NULL);
INSERT INTO layer_blobs VALUES('ae11f0925511','sha256:ae11f09255112ed677cfe5f47ed558028754cd9f475129c1b640ee7cf4f9f183',NULL,NULL);
INSERT INTO layer_blobs VALUES('ae11f0925511','sha256:e2efa96b8c1f09866f05e874e419f37359d846384bd0320b6def819b75461450',112,'application/vnd.oci.image.layer.v1.tar+gzip');
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2044928,'application/vnd.oci.image.layer.v1.tar');
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('0be761f72d1b5c3e47af0ea4bcf35823');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795872155640,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795872155656,'image','tag','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','{"name":"registry.example/base:1"}');
INSERT INTO events VALUES(3,1795872155715,'image','tag','sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7','{"name":"registry.example/both:1"}');
INSERT INTO events VALUES(4,1795872155734,'container','create','250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','{"image":"registry.example/busybox:latest","name":"changed"}');
INSERT INTO events VALUES(5,1795872155734,'network','connect','061fa3c4b1c7e7f663b8b0cb8356d882de2412112926f05a587dfab219371e19','{"name":"none","type":"null","container":"250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff"}');
INSERT INTO events VALUES(6,1795872155734,'container','start','250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','{"image":"registry.example/busybox:latest","name":"changed"}');
INSERT INTO events VALUES(7,1795872155747,'container','die','250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','{"image":"registry.example/busybox:latest","name":"changed","exitCode":"0"}');
INSERT INTO events VALUES(8,1795872155748,'network','disconnect','061fa3c4b1c7e7f663b8b0cb8356d882de2412112926f05a587dfab219371e19','{"name":"none","type":"null","container":"250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff"}');
INSERT INTO events VALUES(9,1795872155771,'image','tag','sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd','{"name":"registry.example/committed:1"}');
INSERT INTO events VALUES(10,1795872155771,'container','commit','250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','{"image":"registry.example/busybox:latest","name":"changed","comment":"said","imageID":"sha256:f3e6703a95512738e0800c78447da39e75e81f154a5cb8b86b8860c85bfdd4bd","imageRef":"registry.example/committed:1"}');
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
INSERT INTO networks VALUES('43a79f50bd499ced74ea433593e65eda4330b818bd89bb8372e172c4a4d95031','bridge','bridge',1795872155602,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('4738d2e97627d3391399516b412cfcfde789184d87c260d7239cb3071629a8f3','host','host',1795872155602,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('061fa3c4b1c7e7f663b8b0cb8356d882de2412112926f05a587dfab219371e19','none','null',1795872155602,0,0,NULL,NULL,'{}','{}');
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
INSERT INTO endpoints VALUES('250b47efa72b2b84204e4d8b1f62d9ce991b197cabe1dd295c1b1d4685cafeff','061fa3c4b1c7e7f663b8b0cb8356d882de2412112926f05a587dfab219371e19',0,'{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE TABLE image_manifests (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, manifest TEXT NOT NULL, PRIMARY KEY (image_id, manifest)) STRICT, WITHOUT ROWID;
INSERT INTO image_manifests VALUES('sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7','sha256:91975d9ed5cd56c1fa4b8e7122b9f774e6250fc68eab02c8c44630581029c378');
INSERT INTO image_manifests VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8');
INSERT INTO image_manifests VALUES('sha256:f4691eaa017023bca4d61a7b338fe0ee3fc157d688d561c8b4829468e2725963','sha256:4a9a2b98b2d0a3a9bdc284cae8b83416ec2a8bb544e0411011aa8949272a3658');
CREATE TABLE build_cache (
  key TEXT PRIMARY KEY, layer TEXT REFERENCES layers(id), description TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO build_cache VALUES('sha256:5e8bbf0924584f20f7d0ae234e66d629187e8e9e090e3b0e8bd1f473cf1b0451','ae11f0925511','[linux/amd64 2/2] COPY a /a',1795872155686,1795872155702,1);
CREATE TABLE build_files (key TEXT PRIMARY KEY, digest TEXT NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE image_indexes (
  digest TEXT NOT NULL, position INTEGER NOT NULL, manifest TEXT NOT NULL, image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (digest, position)) STRICT, WITHOUT ROWID;
INSERT INTO image_indexes VALUES('sha256:03c93f82075d448f3adb7bb348ff4e85cbfe3cc7f787f4c8de5746a3cfc53328',0,'sha256:91975d9ed5cd56c1fa4b8e7122b9f774e6250fc68eab02c8c44630581029c378','sha256:045adbf33009840f0a31cc3ec49e95399720335ce9031822c758e0f0570102e7');
INSERT INTO image_indexes VALUES('sha256:03c93f82075d448f3adb7bb348ff4e85cbfe3cc7f787f4c8de5746a3cfc53328',1,'sha256:4a9a2b98b2d0a3a9bdc284cae8b83416ec2a8bb544e0411011aa8949272a3658','sha256:f4691eaa017023bca4d61a7b338fe0ee3fc157d688d561c8b4829468e2725963');
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
CREATE INDEX build_cache_layer ON build_cache(layer);
CREATE INDEX image_indexes_by_image ON image_indexes(image_id);
COMMIT;
PRAGMA user_version=9;
