/**
 * The schema as numbered steps: the version of a database, SQLite's user_version, is how many of them it has taken. A step never
 * changes once it was released; schema.sql, which a test writes, is what they come to.
 */
import { ANONYMOUS_IMAGES } from "./migrations/anonymous-images.ts";
import { BUILD_CACHE } from "./migrations/build-cache.ts";
import { FIRST } from "./migrations/first.ts";
import { GROUND } from "./migrations/ground.ts";
import { IMAGE_INDEXES } from "./migrations/image-indexes.ts";
import { IMAGE_PARENTS } from "./migrations/image-parents.ts";
import { IMAGES } from "./migrations/images.ts";
import { LIFE } from "./migrations/life.ts";
import { NETWORKS } from "./migrations/networks.ts";
import { VOLUMES } from "./migrations/volumes.ts";

export const MIGRATIONS: readonly string[] = [FIRST, GROUND, LIFE, VOLUMES, NETWORKS, IMAGES, ANONYMOUS_IMAGES, BUILD_CACHE, IMAGE_INDEXES, IMAGE_PARENTS];

export const SCHEMA_VERSION = MIGRATIONS.length;
