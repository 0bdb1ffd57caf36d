/**
 * `Content-Disposition: attachment` with the key's last segment as file name: an ASCII rendering for old clients and
 * the exact one in RFC 8187's encoding (RFC 6266, section 4.3).
 */
export function attachment(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const ascii = name.replace(/[^\x20-\x7e]|["%\\]/g, '_');
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"${ascii === name ? '' : `; filename*=UTF-8''${exact}`}`;
}
