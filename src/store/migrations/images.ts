/** Version 6: the blobs that layers came from are kept, and images know their manifests. */
export const IMAGES = `
-- size (bytes) and media_type: of a blob that is kept, blobs/sha256/<hex>; null: only seen to hold the layer.
ALTER TABLE layer_blobs ADD COLUMN size INTEGER;
ALTER TABLE layer_blobs ADD COLUMN media_type TEXT;
-- Each leads to the image's config and to blobs of its layers.
CREATE TABLE image_manifests (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, manifest TEXT NOT NULL, PRIMARY KEY (image_id, manifest)) STRICT, WITHOUT ROWID;
INSERT INTO image_manifests SELECT DISTINCT image_id, manifest FROM image_digests;
`;
