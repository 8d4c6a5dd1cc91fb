/**
 * Constants that the build puts in by `--define` (shim/link.sh). Not defined when a source file runs uncompiled, as in
 * tests: guard with `typeof MDK_VERSION === "undefined"`.
 */

/** "0.1.0": version of package.json. */
declare const MDK_VERSION: string;
/** Full commit hash; "" when built without a repository. */
declare const MDK_COMMIT: string;
/** The commit's date in seconds since 1970, as decimal text; "0" without a repository. */
declare const MDK_DATE: string;
/** The embedded shim of this architecture: a path that only Bun's own file functions can read. */
declare module "#shim" {
  const path: string;
  export default path;
}
