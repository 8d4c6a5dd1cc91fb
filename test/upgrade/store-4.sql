-- A store of schema version 4: containers that run (with ports; on the host's network), one that never ran and one that ended; written by sqlite3 .dump.
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
INSERT INTO images VALUES('sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','2026-11-27T17:40:22.722437303Z','amd64','linux','',1982501,'2026-11-28T00:29:54.949Z');
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
  code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', mounts TEXT NOT NULL DEFAULT 'null', cgroup TEXT NOT NULL DEFAULT '', paused INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, restart_at INTEGER NOT NULL DEFAULT 0, restart_doublings INTEGER NOT NULL DEFAULT -1, stopped INTEGER NOT NULL DEFAULT 0, health INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO containers VALUES('3bc6cf27f571395abb382df6024a16ff56747d1a73468de62e69bdaee19ea411','web','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sh -c ''while true; do echo hello | nc -l -p 80; done''','80/tcp, 7000/udp, 7001/udp, 7002/udp, 7003/udp, 7004/udp, 7005/udp',1795825794969,'{"Hostname":"3bc6cf27f571","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh","-c","while true; do echo hello | nc -l -p 80; done"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{},"ExposedPorts":{"80/tcp":{},"7000/udp":{},"7001/udp":{},"7002/udp":{},"7003/udp":{},"7004/udp":{},"7005/udp":{}}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}],"7000/udp":[{"HostIp":"127.0.0.1","HostPort":"9000"}],"7001/udp":[{"HostIp":"127.0.0.1","HostPort":"9001"}],"7002/udp":[{"HostIp":"127.0.0.1","HostPort":"9002"}],"7003/udp":[{"HostIp":"127.0.0.1","HostPort":"9003"}],"7004/udp":[{"HostIp":"127.0.0.1","HostPort":"9004"}],"7005/udp":[{"HostIp":"127.0.0.1","HostPort":"9005"}]},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','started',1,'{"mode":"bridge","namespace":"net:[4026532320] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 5441868","tag":"4583ec","address":"172.17.0.2","prefix":16,"gateway":"172.17.0.1","mac":"02:42:ac:11:00:02","ports":[{"protocol":"tcp","containerPort":80,"hostAddress":"0.0.0.0","length":1,"hostPort":8080},{"protocol":"udp","containerPort":7000,"hostAddress":"127.0.0.1","length":6,"hostPort":9000}]}',NULL,NULL,0,0,'','[]','mdk-dc50e5ce/3bc6cf27f571395abb382df6024a16ff56747d1a73468de62e69bdaee19ea411',0,0,0,-1,0,0);
INSERT INTO containers VALUES('c3c6aa56bd63fa42cc1808c3a989a5b07fb10de1ba71457f26aa545e57b1c3a3','hosty','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sleep 1000','',1795825795012,'{"Hostname":"vm","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sleep","1000"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"host","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','started',1,'{"mode":"host"}',NULL,NULL,0,0,'','[]','mdk-dc50e5ce/c3c6aa56bd63fa42cc1808c3a989a5b07fb10de1ba71457f26aa545e57b1c3a3',0,0,0,-1,0,0);
INSERT INTO containers VALUES('962919a7946e1321ec44f2b1aa9a4ec7bdfcf8492b99c2d6536833cce467c8f1','made','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','true','',1795825795034,'{"Hostname":"962919a7946e","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["true"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','created',0,NULL,NULL,NULL,0,0,'','[]','mdk-dc50e5ce/962919a7946e1321ec44f2b1aa9a4ec7bdfcf8492b99c2d6536833cce467c8f1',0,0,0,-1,0,0);
INSERT INTO containers VALUES('ed6c7eaef941ef59f256855ecea6734700c6221efde99916e38fcf466c74352a','ran','sha256:78552d7af77da0953d1ca42f5f323dc1024f6090823bad26c9a99c173aa6b48d','registry.example/busybox','sh -c ''exit 3''','',1795825795052,'{"Hostname":"ed6c7eaef941","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh","-c","exit 3"],"Image":"registry.example/busybox","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"VolumesFrom":null,"VolumeDriver":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"CgroupParent":"","CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"BlkioWeight":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,NULL,'2026-11-28T00:29:55.068Z','2026-11-28T00:29:55.070328969Z',3,0,'','[]','mdk-dc50e5ce/ed6c7eaef941ef59f256855ecea6734700c6221efde99916e38fcf466c74352a',0,0,0,-1,0,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('4583ecfcb7a12679b11049c9d81818b8');
CREATE TABLE networks (
  namespace TEXT NOT NULL, name TEXT NOT NULL, tag TEXT NOT NULL, address INTEGER NOT NULL, prefix INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)) STRICT;
INSERT INTO networks VALUES('net:[4026532320] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 5441868','bridge','4583ec',2886795264,16,2886795267);
CREATE TABLE leases (
  namespace TEXT NOT NULL, network TEXT NOT NULL, address INTEGER NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, network, address)) STRICT, WITHOUT ROWID;
INSERT INTO leases VALUES('net:[4026532320] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 5441868','bridge',2886795266,'3bc6cf27f571395abb382df6024a16ff56747d1a73468de62e69bdaee19ea411');
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first),
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
INSERT INTO ports VALUES('net:[4026532320] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 5441868','tcp','0.0.0.0',8080,8080,'3bc6cf27f571395abb382df6024a16ff56747d1a73468de62e69bdaee19ea411');
INSERT INTO ports VALUES('net:[4026532320] 223879e0-f0d4-4eb7-9f56-70e76cb0e9e6 5441868','udp','127.0.0.1',9000,9005,'3bc6cf27f571395abb382df6024a16ff56747d1a73468de62e69bdaee19ea411');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
CREATE TABLE volumes (name TEXT PRIMARY KEY, created INTEGER NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL, anonymous INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE container_volumes (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  volume TEXT NOT NULL REFERENCES volumes(name) ON DELETE RESTRICT,
  PRIMARY KEY (container, volume)) STRICT, WITHOUT ROWID;
CREATE TABLE container_images (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  image TEXT NOT NULL REFERENCES images(id) ON DELETE RESTRICT,
  PRIMARY KEY (container, image)) STRICT, WITHOUT ROWID;
CREATE INDEX image_layers_by_layer ON image_layers(layer_id);
CREATE INDEX image_tags_by_image ON image_tags(image_id);
CREATE INDEX image_digests_by_image ON image_digests(image_id);
CREATE INDEX containers_image ON containers(image);
CREATE INDEX leases_container ON leases(container);
CREATE INDEX ports_container ON ports(container);
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing', 'restarting');
CREATE INDEX container_volumes_volume ON container_volumes(volume);
CREATE INDEX container_images_image ON container_images(image);
COMMIT;
PRAGMA user_version=4;
