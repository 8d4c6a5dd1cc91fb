/**
 * What the store knows of network namespaces of the host: what names its things there, and the sysctls that mdk changed. Namespaces are
 * named by their identity (engine/host/facts.ts).
 */
import type { Database } from "bun:sqlite";

/** 32 hexadecimal digits, made at random with the database: whose things are whose, wherever the root lies. */
export function storeId(database: Database): string {
  return (database.query("SELECT id FROM store").get() as { id: string }).id;
}

/** What names table and links there (network/names.ts); null before their first use. */
export function readTag(database: Database, namespace: string): string | null {
  return (database.query("SELECT tag FROM namespaces WHERE namespace = ?").get(namespace) as { tag: string } | null)?.tag ?? null;
}

export function writeTag(database: Database, namespace: string, tag: string): void {
  database.query("INSERT OR REPLACE INTO namespaces (namespace, tag) VALUES (?, ?)").run(namespace, tag);
}

/** Forgets what was in namespaces of earlier boots and of the store that this one is a copy of: whose identity ends otherwise. */
export function forgetElsewhere(database: Database, end: string): void {
  for (const table of ["namespaces", "places", "sysctls"]) database.query(`DELETE FROM ${table} WHERE substr(namespace, -length(?1)) <> ?1`).run(end);
}

/** Remembers a sysctl's value from before mdk changed it; a value that is known already stays. */
export function rememberSysctl(database: Database, namespace: string, name: string, value: string): void {
  database.query("INSERT OR IGNORE INTO sysctls (namespace, name, value) VALUES (?, ?, ?)").run(namespace, name, value);
}

/** A sysctl's value from before mdk changed it; null: it did not. */
export function rememberedSysctl(database: Database, namespace: string, name: string): string | null {
  return (database.query("SELECT value FROM sysctls WHERE namespace = ? AND name = ?").get(namespace, name) as { value: string } | null)?.value ?? null;
}

/** Hands out what was remembered, in reverse, and forgets it together with all else of the namespace. */
export function takeSysctls(database: Database, namespace: string): { name: string; value: string }[] {
  const rows = database.query("SELECT name, value FROM sysctls WHERE namespace = ? ORDER BY rowid DESC").all(namespace) as { name: string; value: string }[];
  for (const table of ["sysctls", "places", "namespaces"]) database.query(`DELETE FROM ${table} WHERE namespace = ?`).run(namespace);
  return rows;
}
