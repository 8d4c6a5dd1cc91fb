/** text/template's html, js and urlquery. Pure. */

const HTML: Readonly<Record<string, string>> = { "\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;" };

export function escapeHtml(text: string): string {
  return text.replace(/[\0"'&<>]/g, (c) => HTML[c]!);
}

/** For the inside of a JavaScript string. */
export function escapeJs(text: string): string {
  return text.replace(/[\\'"]/g, "\\$&").replace(/[\0-\x1f<>&=]|[^\x20-\x7e\p{L}\p{M}\p{N}\p{P}\p{S}]/gu, (c) => {
    const code = c.codePointAt(0)!.toString(16).toUpperCase();
    return `\\u${code.padStart(4, "0")}`;
  });
}

/** net/url's QueryEscape. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll("%20", "+");
}
