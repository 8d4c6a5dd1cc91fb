-- A store of schema version 7: an image that was pulled, and one that came with a container, out of an archive; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('1b5f848ab63a','sha256:1b5f848ab63a0e2522623378f32ad6235635bc4788ebd1251000b827046248fd','sha256:1b5f848ab63a0e2522623378f32ad6235635bc4788ebd1251000b827046248fd',3);
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
INSERT INTO images VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','2024-01-02T03:04:05Z','amd64','linux','',2025318,'2026-11-28T13:22:34.972Z',0);
INSERT INTO images VALUES('sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','2026-11-28T13:22:35.124Z','amd64','linux','',2025321,'2026-11-28T13:22:35.237Z',1);
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad',1,'1b5f848ab63a');
INSERT INTO image_layers VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',0,'c94f90e45d34');
INSERT INTO image_layers VALUES('sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad',0,'c94f90e45d34');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO image_tags VALUES('registry.example/base','1','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c');
INSERT INTO image_tags VALUES('registry.example/busybox','latest','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c');
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
INSERT INTO containers VALUES('e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','changed','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sh -c ''echo hi >/new''','',1795872155066,'{"Hostname":"e1ab2131969e","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sh","-c","echo hi >/new"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,'2026-11-28T13:22:35.090Z','2026-11-28T13:22:35.094329886Z',0,0,'','[]','mdk-8e61a00d/e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c',0,0,0,-1,0,0);
INSERT INTO containers VALUES('8f4fe62ff94bc8cfc2313b265e37415abcead53b18b1e294b21cdd1f2d2a19ce','located','sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','docker-archive:/srv/c.tar','true','',1795872155251,'{"Hostname":"8f4fe62ff94b","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["true"],"Image":"docker-archive:/srv/c.tar","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','created',0,NULL,NULL,0,0,'','[]','mdk-8e61a00d/8f4fe62ff94bc8cfc2313b265e37415abcead53b18b1e294b21cdd1f2d2a19ce',0,0,0,-1,0,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL, size INTEGER, media_type TEXT,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('1b5f848ab63a','sha256:84036d0919df0f127aa39bf0a6aac4bf95a3b53691062dfe2098549cbe0c43cb',120,'application/vnd.oci.image.layer.v1.tar+gzip');
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2044928,'application/vnd.oci.image.layer.v1.tar');
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:d1dbacb39e50d030205679526a85047c8769ba8afe4af1be41a4fea08d566f4e',1070942,'application/vnd.oci.image.layer.v1.tar+gzip');
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('a7bb9635137727dcaa66195c64bb796e');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795872155004,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795872155020,'image','tag','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','{"name":"registry.example/base:1"}');
INSERT INTO events VALUES(3,1795872155068,'container','create','e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','{"image":"registry.example/busybox:latest","name":"changed"}');
INSERT INTO events VALUES(4,1795872155068,'network','connect','05564e2c9c57f85869c6f21dc254cba4a000e3cc76a11c280f8414f591c8c240','{"name":"none","type":"null","container":"e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c"}');
INSERT INTO events VALUES(5,1795872155068,'container','start','e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','{"image":"registry.example/busybox:latest","name":"changed"}');
INSERT INTO events VALUES(6,1795872155096,'container','die','e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','{"image":"registry.example/busybox:latest","name":"changed","exitCode":"0"}');
INSERT INTO events VALUES(7,1795872155096,'network','disconnect','05564e2c9c57f85869c6f21dc254cba4a000e3cc76a11c280f8414f591c8c240','{"name":"none","type":"null","container":"e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c"}');
INSERT INTO events VALUES(8,1795872155126,'image','tag','sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','{"name":"registry.example/committed:1"}');
INSERT INTO events VALUES(9,1795872155126,'container','commit','e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','{"image":"registry.example/busybox:latest","name":"changed","comment":"","imageID":"sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad","imageRef":"registry.example/committed:1"}');
INSERT INTO events VALUES(10,1795872155214,'image','untag','sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','{"name":"sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad"}');
INSERT INTO events VALUES(11,1795872155214,'image','delete','sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','{"name":"sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad"}');
INSERT INTO events VALUES(12,1795872155252,'container','create','8f4fe62ff94bc8cfc2313b265e37415abcead53b18b1e294b21cdd1f2d2a19ce','{"image":"docker-archive:/srv/c.tar","name":"located"}');
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
INSERT INTO networks VALUES('16c126cba62c2a39f081e990318da8e3a4931b60c0ede78c6a541cb04dcb3d06','bridge','bridge',1795872154958,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('6f423c3a7cc5648b91a1790ba1056e2b0d35543b25735eccbe40c69eb1d10088','host','host',1795872154958,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('05564e2c9c57f85869c6f21dc254cba4a000e3cc76a11c280f8414f591c8c240','none','null',1795872154958,0,0,NULL,NULL,'{}','{}');
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
INSERT INTO endpoints VALUES('8f4fe62ff94bc8cfc2313b265e37415abcead53b18b1e294b21cdd1f2d2a19ce','05564e2c9c57f85869c6f21dc254cba4a000e3cc76a11c280f8414f591c8c240',0,'{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO endpoints VALUES('e1ab2131969ed523965dc22fabdcd857b0c96f9f8dd2f1e166a8cebb97cd8b3c','05564e2c9c57f85869c6f21dc254cba4a000e3cc76a11c280f8414f591c8c240',0,'{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE TABLE image_manifests (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, manifest TEXT NOT NULL, PRIMARY KEY (image_id, manifest)) STRICT, WITHOUT ROWID;
INSERT INTO image_manifests VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8');
INSERT INTO image_manifests VALUES('sha256:fabb2f60936398e83d43e1e7c5d59fe505d1bc73b038970a7fbb6465537fd5ad','sha256:c1d62c37a5e5891ab2ccc13f686de38642f967c716f65687a9733abec69874b2');
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
PRAGMA user_version=7;
