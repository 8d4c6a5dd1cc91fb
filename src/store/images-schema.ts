/**
 * The tables of images and layers. What counts as used is said by the references: an image keeps its layers, a container
 * keeps its image (ON DELETE RESTRICT); a name keeps nothing, it goes with its image.
 */
export const IMAGES_SCHEMA = `
-- One unpacked layer: layers/<id>/d. content_key is the diff id, or, where the layer depends on those below it, "chain:" and the chain id.
CREATE TABLE IF NOT EXISTS layers (
  id TEXT PRIMARY KEY,
  content_key TEXT NOT NULL UNIQUE,
  diff_id TEXT NOT NULL,
  size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The compressed blobs that were seen to hold a layer.
CREATE TABLE IF NOT EXISTS layer_blobs (
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE CASCADE,
  blob TEXT NOT NULL,
  PRIMARY KEY (layer_id, blob)
) STRICT, WITHOUT ROWID;

-- id is the digest of the config, "sha256:…", as Docker has it. created: as the config says it, RFC 3339, or ''.
CREATE TABLE IF NOT EXISTS images (
  id TEXT PRIMARY KEY,
  created TEXT NOT NULL,
  architecture TEXT NOT NULL,
  os TEXT NOT NULL,
  variant TEXT NOT NULL,
  size INTEGER NOT NULL,
  pulled TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id) ON DELETE RESTRICT,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS image_layers_by_layer ON image_layers(layer_id);

-- repository is the full name, "docker.io/library/debian".
CREATE TABLE IF NOT EXISTS image_tags (
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS image_tags_by_image ON image_tags(image_id);

-- digest is that of the manifest or index the name was resolved to; manifest that of the one whose image this is.
CREATE TABLE IF NOT EXISTS image_digests (
  repository TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (repository, digest, image_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS image_digests_by_image ON image_digests(image_id);
`;
