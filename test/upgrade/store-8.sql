-- A store of schema version 8: an image that was built, the steps of its build and what was read for them; written by sqlite3 .dump.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO layers VALUES('1f4fb7885d1a','chain:1f4fb7885d1a7a5ab0bb364c7fc2f826044ce09928e3f42b1c1b4621d5126b63','sha256:642b6b1e37f65915f57d2a1e0770025f962bc914b412d213faa4a5a51c1321f0',2);
INSERT INTO layers VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2025318);
INSERT INTO layers VALUES('e7e1a3764433','chain:e7e1a3764433a80159601d12b04cf035e59d3c5d54364383cd65375a5a3b14d9','sha256:7c7af2a9b4130720c3b6f5b81efaf78cd18b8bbe33e92e4ec09dae2fe3c89168',2);
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
, anonymous INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO images VALUES('sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc','2026-11-28T13:22:58.081Z','amd64','linux','',2025322,'2026-11-28T13:22:58.083Z',0);
INSERT INTO images VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','2024-01-02T03:04:05Z','amd64','linux','',2025318,'2026-11-28T13:22:54.964Z',0);
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO image_layers VALUES('sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc',2,'1f4fb7885d1a');
INSERT INTO image_layers VALUES('sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc',0,'c94f90e45d34');
INSERT INTO image_layers VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c',0,'c94f90e45d34');
INSERT INTO image_layers VALUES('sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc',1,'e7e1a3764433');
CREATE TABLE image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO image_tags VALUES('registry.example/built','1','sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc');
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
CREATE TABLE sysctls (namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (namespace, name)) STRICT;
CREATE TABLE layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL, size INTEGER, media_type TEXT,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_blobs VALUES('1f4fb7885d1a','sha256:642b6b1e37f65915f57d2a1e0770025f962bc914b412d213faa4a5a51c1321f0',NULL,NULL);
INSERT INTO layer_blobs VALUES('c94f90e45d34','sha256:c94f90e45d34e42de7e868e58183132a20e460b97976749a1a408e597db4c41b',2044928,'application/vnd.oci.image.layer.v1.tar');
INSERT INTO layer_blobs VALUES('e7e1a3764433','sha256:7c7af2a9b4130720c3b6f5b81efaf78cd18b8bbe33e92e4ec09dae2fe3c89168',NULL,NULL);
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store VALUES('ef67c005634880926459c0e05c005d28');
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795872174981,'image','pull','registry.example/busybox:latest','{"name":"registry.example/busybox"}');
INSERT INTO events VALUES(2,1795872174996,'image','tag','sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','{"name":"registry.example/base:1"}');
INSERT INTO events VALUES(3,1795872178033,'container','create','36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0','{"image":"","name":"cosmic_grove"}');
INSERT INTO events VALUES(4,1795872178033,'network','connect','c4c327b873d3de860d82ae976b0ec729d1f5beb0f761bff71b681897fdfa8a2c','{"name":"none","type":"null","container":"36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0"}');
INSERT INTO events VALUES(5,1795872178033,'container','start','36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0','{"image":"","name":"cosmic_grove"}');
INSERT INTO events VALUES(6,1795872178046,'container','die','36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0','{"image":"","name":"cosmic_grove","exitCode":"0"}');
INSERT INTO events VALUES(7,1795872178047,'network','disconnect','c4c327b873d3de860d82ae976b0ec729d1f5beb0f761bff71b681897fdfa8a2c','{"name":"none","type":"null","container":"36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0"}');
INSERT INTO events VALUES(8,1795872178047,'container','destroy','36a93a14b58f56eb969b45981605bc3c68e4655319c23158d39d72760b6363a0','{"image":"","name":"cosmic_grove"}');
INSERT INTO events VALUES(9,1795872178058,'container','create','fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a','{"image":"","name":"ideal_forest"}');
INSERT INTO events VALUES(10,1795872178058,'network','connect','c4c327b873d3de860d82ae976b0ec729d1f5beb0f761bff71b681897fdfa8a2c','{"name":"none","type":"null","container":"fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a"}');
INSERT INTO events VALUES(11,1795872178058,'container','start','fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a','{"image":"","name":"ideal_forest"}');
INSERT INTO events VALUES(12,1795872178076,'container','die','fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a','{"image":"","name":"ideal_forest","exitCode":"0"}');
INSERT INTO events VALUES(13,1795872178076,'network','disconnect','c4c327b873d3de860d82ae976b0ec729d1f5beb0f761bff71b681897fdfa8a2c','{"name":"none","type":"null","container":"fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a"}');
INSERT INTO events VALUES(14,1795872178076,'container','destroy','fcc5b83b8d01feb1436d8e0e2939e4f4df56a2fa9ae0a11d5c841e21e51fad4a','{"image":"","name":"ideal_forest"}');
INSERT INTO events VALUES(15,1795872178083,'image','tag','sha256:aaa20245b09c257e3ee21dd0c53e6aac36877934ff8e393e6d66b82c2d7ea9cc','{"name":"registry.example/built:1"}');
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
INSERT INTO networks VALUES('6c4ba20c9144e1dbc1504d1c406983da05044c4f3156f802ffbf0916c8a13b1d','bridge','bridge',1795872174951,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('13d4261ba56c529979582879176f1d4e5a001f26c0ff972adf87ec7d2f9a755d','host','host',1795872174951,0,0,NULL,NULL,'{}','{}');
INSERT INTO networks VALUES('c4c327b873d3de860d82ae976b0ec729d1f5beb0f761bff71b681897fdfa8a2c','none','null',1795872174951,0,0,NULL,NULL,'{}','{}');
CREATE TABLE namespaces (namespace TEXT PRIMARY KEY, tag TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE places (
  namespace TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, bridge TEXT NOT NULL, pool4 TEXT, pool6 TEXT,
  last INTEGER NOT NULL DEFAULT 0, last6 TEXT NOT NULL DEFAULT '', PRIMARY KEY (namespace, network)) STRICT, WITHOUT ROWID;
CREATE TABLE endpoints (
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL, position INTEGER NOT NULL, settings TEXT NOT NULL,
  id TEXT, namespace TEXT, address INTEGER, address6 TEXT, mac TEXT, interface TEXT,
  PRIMARY KEY (container, network)) STRICT, WITHOUT ROWID;
CREATE TABLE ports (
  namespace TEXT NOT NULL, protocol TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last >= first), inside INTEGER NOT NULL,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, network TEXT NOT NULL,
  PRIMARY KEY (namespace, protocol, host, first)) STRICT, WITHOUT ROWID;
CREATE TABLE image_manifests (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, manifest TEXT NOT NULL, PRIMARY KEY (image_id, manifest)) STRICT, WITHOUT ROWID;
INSERT INTO image_manifests VALUES('sha256:afaaf6cad7eb2fd88b810fbaafc772b322e812cafd40a53226148963f721ba9c','sha256:0013953d215cbdf17da94b1400fbbddd4b8c2374e337a4138da2fa3e01ae61c8');
CREATE TABLE build_cache (
  key TEXT PRIMARY KEY, layer TEXT REFERENCES layers(id), description TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO build_cache VALUES('sha256:3f991d01f33f2765b3fc5340fe6a3681c2bccc1079e22818b22edb169cde9576',NULL,'[3/4] RUN true',1795872178054,1795872178054,0);
INSERT INTO build_cache VALUES('sha256:45bfe5563c22fa5bf05b5de964916563a968d8722809c614352e1438ae213143','1f4fb7885d1a','[4/4] RUN echo b >/b',1795872178081,1795872178081,0);
INSERT INTO build_cache VALUES('sha256:91e4496d73c898aa8d5904c047204c05d5fa3e0ecc9b423d53ef52f90a14e483','e7e1a3764433','[2/4] COPY a /a',1795872178031,1795872178031,0);
CREATE TABLE build_files (key TEXT PRIMARY KEY, digest TEXT NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO build_files VALUES('e6511086e95da99f439aa21460802b87c5574cc2d6949ecda4e64bc180c6ed4d','b6dd66b4cda3693fa669ead3c22a9d7c67ed8e45f60c25ae2971f9c95aa6a0ef',1795872178026);
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
COMMIT;
PRAGMA user_version=8;
