/**
 * The schema, joined from the tables' owners. A statement never changes once it was released: a new version adds
 * statements and raises SCHEMA_VERSION, which is SQLite's user_version.
 */
import { CONTAINERS_SCHEMA } from "./containers-schema.ts";
import { IMAGES_SCHEMA } from "./images-schema.ts";

export const SCHEMA_VERSION = 1;

/** Every statement is IF NOT EXISTS: two first commands may meet. */
export const SCHEMA = `${IMAGES_SCHEMA}\n${CONTAINERS_SCHEMA}`;
