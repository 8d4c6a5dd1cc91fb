/** Version 10: of an image that was committed, the one that its container was of; it may have gone. */
export const IMAGE_PARENTS = `
CREATE TABLE image_parents (
  image_id TEXT PRIMARY KEY REFERENCES images(id) ON DELETE CASCADE, parent TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
