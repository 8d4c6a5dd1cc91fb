-- A store of schema version 3: a container in each state of its life (never started, waiting for its restart, frozen, stopped by its user), and the journal of that; written by sqlite3 .dump.
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
INSERT INTO images VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','2024-01-02T03:04:05Z','amd64','linux','',2025318,'2026-11-28T13:22:53.142Z');
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
  phase TEXT NOT NULL, transient INTEGER NOT NULL DEFAULT 0, network TEXT, started TEXT, finished TEXT,
  code INTEGER NOT NULL DEFAULT 0, oom INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', mounts TEXT NOT NULL DEFAULT 'null', cgroup TEXT NOT NULL DEFAULT '', paused INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, restart_at INTEGER NOT NULL DEFAULT 0, restart_doublings INTEGER NOT NULL DEFAULT -1, stopped INTEGER NOT NULL DEFAULT 0, health INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO containers VALUES('3623291d131334bb6607ae48fad7f00bad8758bcb8b101fbe502f14e5d123369','made','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','echo made','',1795872173160,'{"Hostname":"3623291d1313","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["echo","made"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{},"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":0,"Timeout":0,"StartPeriod":0,"StartInterval":0,"Retries":0}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','created',0,NULL,NULL,NULL,0,0,'','[]','mdk-dd2727f2/3623291d131334bb6607ae48fad7f00bad8758bcb8b101fbe502f14e5d123369',0,0,0,-1,0,1);
INSERT INTO containers VALUES('1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','crashes','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sh -c ''exit 3''','',1795872173179,'{"Hostname":"1dc006d61a15","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sh","-c","exit 3"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"always","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','restarting',0,NULL,'2026-11-28T13:22:54.052Z','2026-11-28T13:22:54.055002115Z',3,0,'','[]','mdk-dd2727f2/1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4',0,3,1795872174869,3,0,0);
INSERT INTO containers VALUES('34a0ba26bbddad904c68d87042edb70c5c413d3bc9accadba6af73060cfae911','frozen','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sleep 1000','',1795872173211,'{"Hostname":"34a0ba26bbdd","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sleep","1000"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','started',1,'{"mode":"none"}',NULL,NULL,0,0,'','[]','mdk-dd2727f2/34a0ba26bbddad904c68d87042edb70c5c413d3bc9accadba6af73060cfae911',1,0,0,-1,0,0);
INSERT INTO containers VALUES('b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','stopped','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','registry.example/busybox:latest','sleep 1000','',1795872173264,'{"Hostname":"b004071a2930","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":[],"Cmd":["sleep","1000"],"Image":"registry.example/busybox:latest","Volumes":null,"WorkingDir":"","Entrypoint":null,"Labels":{}}','{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"none","PortBindings":{},"PublishAllPorts":false,"RestartPolicy":{"Name":"unless-stopped","MaximumRetryCount":0},"AutoRemove":false,"CapAdd":null,"CapDrop":null,"GroupAdd":null,"Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"Privileged":false,"ReadonlyRootfs":false,"OomScoreAdj":0,"SecurityOpt":null,"Memory":0,"MemorySwap":0,"MemoryReservation":0,"NanoCpus":0,"CpuShares":0,"CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","PidsLimit":null,"Ulimits":null,"ShmSize":67108864}','exited',0,NULL,'2026-11-28T13:22:53.281Z','2026-11-28T13:22:53.30172745Z',137,0,'','[]','mdk-dd2727f2/b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047',0,0,0,-1,1,0);
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b');
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('c17ac864b01e9711e1c608853a16142c');
CREATE TABLE networks (
  namespace TEXT NOT NULL, name TEXT NOT NULL, tag TEXT NOT NULL, address INTEGER NOT NULL, prefix INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE leases (
  namespace TEXT NOT NULL, network TEXT NOT NULL, address INTEGER NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, network, address)) STRICT, WITHOUT ROWID;
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first),
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795872173142,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795872173160,'container','create','3623291d131334bb6607ae48fad7f00bad8758bcb8b101fbe502f14e5d123369','{"image":"registry.example/busybox:latest","name":"made"}');
INSERT INTO events VALUES(3,1795872173180,'container','create','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes"}');
INSERT INTO events VALUES(4,1795872173180,'container','start','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes"}');
INSERT INTO events VALUES(5,1795872173211,'container','create','34a0ba26bbddad904c68d87042edb70c5c413d3bc9accadba6af73060cfae911','{"image":"registry.example/busybox:latest","name":"frozen"}');
INSERT INTO events VALUES(6,1795872173211,'container','start','34a0ba26bbddad904c68d87042edb70c5c413d3bc9accadba6af73060cfae911','{"image":"registry.example/busybox:latest","name":"frozen"}');
INSERT INTO events VALUES(7,1795872173223,'container','die','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes","exitCode":"3"}');
INSERT INTO events VALUES(8,1795872173239,'container','pause','34a0ba26bbddad904c68d87042edb70c5c413d3bc9accadba6af73060cfae911','{"image":"registry.example/busybox:latest","name":"frozen"}');
INSERT INTO events VALUES(9,1795872173265,'container','create','b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','{"image":"registry.example/busybox:latest","name":"stopped"}');
INSERT INTO events VALUES(10,1795872173265,'container','start','b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','{"image":"registry.example/busybox:latest","name":"stopped"}');
INSERT INTO events VALUES(11,1795872173300,'container','kill','b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','{"image":"registry.example/busybox:latest","name":"stopped","signal":"15"}');
INSERT INTO events VALUES(12,1795872173302,'container','die','b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','{"image":"registry.example/busybox:latest","name":"stopped","exitCode":"137"}');
INSERT INTO events VALUES(13,1795872173302,'container','stop','b004071a29307dac7150dd7c3df10176323008afcc0517091584951ec7fcd047','{"image":"registry.example/busybox:latest","name":"stopped"}');
INSERT INTO events VALUES(14,1795872173352,'container','start','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes"}');
INSERT INTO events VALUES(15,1795872173388,'container','die','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes","exitCode":"3"}');
INSERT INTO events VALUES(16,1795872173603,'container','start','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes"}');
INSERT INTO events VALUES(17,1795872173631,'container','die','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes","exitCode":"3"}');
INSERT INTO events VALUES(18,1795872174044,'container','start','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes"}');
INSERT INTO events VALUES(19,1795872174069,'container','die','1dc006d61a152f36713c2f960fa460566dee3812314501b835d555d04bb172e4','{"image":"registry.example/busybox:latest","name":"crashes","exitCode":"3"}');
CREATE INDEX image_layers_by_layer ON image_layers(layer_id);
CREATE INDEX image_tags_by_image ON image_tags(image_id);
CREATE INDEX image_digests_by_image ON image_digests(image_id);
CREATE INDEX containers_image ON containers(image);
CREATE INDEX leases_container ON leases(container);
CREATE INDEX ports_container ON ports(container);
CREATE INDEX containers_active ON containers(phase, id) WHERE phase IN ('started', 'removing', 'restarting');
COMMIT;
PRAGMA user_version=3;
