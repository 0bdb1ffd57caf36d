/** The conditions that a download may be asked under (RFC 9110, section 13). */

/** What a download is compared with. */
export interface Version {
  /** The entity tag with its quotes, always a strong one; null where the store knows none. */
  readonly etag: string | null;
  readonly updatedAt: Date;
}

/**
 * What the conditions leave of the request: `SEND` it, it is `UNCHANGED` since the client had it (304), or a condition
 * `FAILED` (412). A header that is no condition is ignored, as the RFC asks for.
 */
export function decide(headers: Headers, { etag, updatedAt }: Version): 'SEND' | 'UNCHANGED' | 'FAILED' {
  const ifMatch = headers.get('if-match');
  if (ifMatch !== null) {
    if (!names(ifMatch, etag, 'strong')) return 'FAILED';
  } else {
    const unmodifiedSince = dateOf(headers.get('if-unmodified-since'));
    if (unmodifiedSince !== undefined && seconds(updatedAt) > unmodifiedSince) return 'FAILED';
  }
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== null) return names(ifNoneMatch, etag, 'weak') ? 'UNCHANGED' : 'SEND';
  const modifiedSince = dateOf(headers.get('if-modified-since'));
  return modifiedSince !== undefined && seconds(updatedAt) <= modifiedSince ? 'UNCHANGED' : 'SEND';
}

/**
 * Whether a part may be sent under `If-Range`: a part of another version than the client has the rest of would be a
 * corrupt file.
 */
export function sameVersion(ifRange: string | null, { etag, updatedAt }: Version): boolean {
  if (ifRange === null) return true;
  if (/^(?:W\/)?"/.test(ifRange)) return ifRange === etag;
  return dateOf(ifRange) === seconds(updatedAt);
}

/**
 * Whether a list of entity tags names `etag`; weak ones (which proxies make of ours) only where that is enough. Tags
 * without quotes, as clients of S3 send them, are taken for strong ones.
 */
function names(list: string, etag: string | null, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  if (etag === null) return false;
  for (const [tag, unquoted] of list.matchAll(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"|([^\s",]+)/g)) {
    if (tag === etag || `"${unquoted}"` === etag || (comparison === 'weak' && tag === `W/${etag}`)) return true;
  }
  return false;
}

/** HTTP's dates have no parts of seconds. */
const seconds = (moment: Date): number => Math.floor(moment.getTime() / 1_000);

function dateOf(value: string | null): number | undefined {
  // Only HTTP's own form begins so; `Date.parse` takes much else for a date.
  if (value === null || !/^[A-Z][a-z]{2,8},? /.test(value)) return undefined;
  // C's form names no zone, and means GMT like the others.
  const moment = Date.parse(/\d{4}$/.test(value) ? `${value} GMT` : value);
  return Number.isNaN(moment) ? undefined : Math.floor(moment / 1_000);
}
