/**
 * Version 8: what steps of builds made, by what they read (a null layer: the step changed nothing); and what the files of a directory hold, by what
 * stat(2) says of them, both as 64 hexadecimal digits.
 */
export const BUILD_CACHE = `
CREATE TABLE build_cache (
  key TEXT PRIMARY KEY, layer TEXT REFERENCES layers(id), description TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE build_files (key TEXT PRIMARY KEY, digest TEXT NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX build_cache_layer ON build_cache(layer);
`;
