/** What `--filter label=` of every list means. */

/** "key", or "key=value". */
export function hasLabel(labels: Readonly<Record<string, string>>, value: string): boolean {
  const equals = value.indexOf("=");
  const key = equals === -1 ? value : value.slice(0, equals);
  return Object.hasOwn(labels, key) && (equals === -1 || labels[key] === value.slice(equals + 1));
}
