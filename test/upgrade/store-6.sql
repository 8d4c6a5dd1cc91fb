-- A store of schema version 6: a container that runs on two networks of its user's (with ports, an alias, an address of its own and a volume), one that never ran, and an image with its manifest and a blob that is kept; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2025318);
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO images VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','2024-01-02T03:04:05Z','amd64','linux','',2025318,'2026-11-28T13:22:34.500Z');
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',0,'c94f90e45d34');
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
INSERT INTO containers VALUES('4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','web','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sleep 1000','80/tcp',1795872154644,'{"Hostname":"4b65d9af94f3","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sleep","1000"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{},"ExposedPorts":{"80/tcp":{}}}','{"Binds":["data:/data"],"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"front","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','started',1,NULL,NULL,0,0,'','[{"type":"volume","name":"data","source":"/srv/root/volumes/data/_data","target":"/data","readonly":false,"nocopy":false,"subpath":"","mode":"z","driver":"local"}]','mdk-460982d3/4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9',0,0,0,-1,0,0);
INSERT INTO containers VALUES('250f4a4a88d9e98c1eea27ec1465481621101efb600cb82e006faccf975ba308','made','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','true','',1795872154737,'{"Hostname":"250f4a4a88d9","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["true"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"backend","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','created',0,NULL,NULL,0,0,'','[]','mdk-460982d3/250f4a4a88d9e98c1eea27ec1465481621101efb600cb82e006faccf975ba308',0,0,0,-1,0,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL, size INTEGER, media_type TEXT,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2044928,'application/vnd.oci.image.layer.v1.tar');
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('d2b86db12d29c7a2a677485a7aad015d');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795872154523,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795872154553,'image','tag','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','{"name":"registry.example/base:1"}');
INSERT INTO events VALUES(3,1795872154578,'network','create','abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33','{"name":"backend","type":"bridge"}');
INSERT INTO events VALUES(4,1795872154606,'network','create','c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9','{"name":"front","type":"bridge"}');
INSERT INTO events VALUES(5,1795872154627,'volume','create','data','{"driver":"local"}');
INSERT INTO events VALUES(6,1795872154662,'container','create','4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','{"image":"registry.example/busybox:latest","name":"web"}');
INSERT INTO events VALUES(7,1795872154662,'network','connect','c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9','{"name":"front","type":"bridge","container":"4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9"}');
INSERT INTO events VALUES(8,1795872154662,'volume','mount','data','{"container":"4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9","destination":"/data","propagation":"","read/write":"true","driver":"local"}');
INSERT INTO events VALUES(9,1795872154662,'container','start','4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','{"image":"registry.example/busybox:latest","name":"web"}');
INSERT INTO events VALUES(10,1795872154713,'network','connect','abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33','{"name":"backend","type":"bridge","container":"4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9"}');
INSERT INTO events VALUES(11,1795872154738,'container','create','250f4a4a88d9e98c1eea27ec1465481621101efb600cb82e006faccf975ba308','{"image":"registry.example/busybox:latest","name":"made"}');
CREATE TABLE volumes (name TEXT PRIMARY KEY, created INTEGER NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL, anonymous INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO volumes VALUES('data',1795872154626,'{}','{"k":"v"}',0);
CREATE TABLE container_volumes (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  volume TEXT NOT NULL REFERENCES volumes(name) ON DELETE RESTRICT,
  PRIMARY KEY (container, volume)) STRICT, WITHOUT ROWID;
INSERT INTO container_volumes VALUES('4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','data');
CREATE TABLE container_images (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
  PRIMARY KEY (container, image)) STRICT, WITHOUT ROWID;
CREATE TABLE networks (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, created INTEGER NOT NULL, internal INTEGER NOT NULL, ipv6 INTEGER NOT NULL,
  pool4 TEXT, pool6 TEXT, options TEXT NOT NULL, labels TEXT NOT NULL) STRICT;
INSERT INTO networks VALUES('7196b44642b65d927fa8669294310aa6b55752d0bbaac662ad0ce75dc98ff4c7','bridge','bridge',1795872154483,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('ad6d61b225cbb4cf75193003259fba4043b8b919068bff0960d86f273c37f3a6','host','host',1795872154483,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('737976b358758ae2ab49ec02618869e93e6a877d34e26133609793636b9ec489','none','null',1795872154483,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33','backend','bridge',1795872154577,1,1,'{"subnet":"10.7.0.0/16","gateway":"10.7.0.1","range":null,"aux":{},"auto":false}','{"subnet":"fd07::/64","gateway":"fd07::1","range":null,"aux":{},"auto":false}','{}','{"k":"v"}');
INSERT INTO networks VALUES('c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9','front','bridge',1795872154605,0,0,'{"subnet":"172.18.0.0/16","gateway":"172.18.0.1","range":null,"aux":{},"auto":true}',NULL,'{}','{}');
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO namespaces VALUES('net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905','d2b86d');
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
INSERT INTO places VALUES('net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905','abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33','mdk-d2b86dzyklo','{"subnet":"10.7.0.0/16","gateway":"10.7.0.1","range":null,"aux":{},"auto":false}','{"subnet":"fd07::/64","gateway":"fd07::1","range":null,"aux":{},"auto":false}',0,'fd07::2');
INSERT INTO places VALUES('net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905','c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9','mdk-d2b86dic2h2','{"subnet":"172.18.0.0/16","gateway":"172.18.0.1","range":null,"aux":{},"auto":true}',NULL,2886860802,'');
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
INSERT INTO endpoints VALUES('250f4a4a88d9e98c1eea27ec1465481621101efb600cb82e006faccf975ba308','abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33',0,'{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO endpoints VALUES('4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','abb9d33126fe10f865571a33691d1de627832a7a0d9100122e022302465fad33',1,'{"IPAMConfig":{"IPv4Address":"10.7.0.9","IPv6Address":""},"Links":null,"Aliases":null,"MacAddress":"","DriverOpts":null,"GwPriority":0}','4179ba38f901119af80f8bbaacf4863064da634024d6633f23ce360b03f5e6a7','net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905',168230921,'fd07::2','02:42:0a:07:00:09','eth1');
INSERT INTO endpoints VALUES('4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9',0,'{"IPAMConfig":null,"Links":null,"Aliases":["www"],"MacAddress":"","DriverOpts":null,"GwPriority":0}','aeece499f04bf4aec6b20651b2531669e862025e3d685a05562d6f1227ba0277','net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905',2886860802,NULL,'02:42:ac:12:00:02','eth0');
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
INSERT INTO ports VALUES('net:[4026532251] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 10675905','tcp','0.0.0.0',8080,8080,80,'4b65d9af94f306b84c7649da845fecc4cdca678723e30bc9764d9bef852f8cf9','c788f7299ec1e56aad2b303162f51258ee4aed44e2e8a45c56b0ff7ec2353dd9');
CREATE TABLE image_manifests (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, manifest TEXT NOT NULL, PRIMARY KEY (image_id, manifest)) STRICT, WITHOUT ROWID;
INSERT INTO image_manifests VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8');
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
PRAGMA user_version=6;
