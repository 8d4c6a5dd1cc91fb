/**
 * Version 9: a tag may stand for images of several platforms that were made together. Its row names the index of them, which is in blobs/ with the
 * manifests that it has of each.
 */
export const IMAGE_INDEXES = `
CREATE TABLE image_indexes (
  digest TEXT NOT NULL, position INTEGER NOT NULL, manifest TEXT NOT NULL, image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  PRIMARY KEY (digest, position)) STRICT, WITHOUT ROWID;
CREATE INDEX image_indexes_by_image ON image_indexes(image_id);
ALTER TABLE image_tags ADD COLUMN index_digest TEXT;
`;
