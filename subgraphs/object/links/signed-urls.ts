/**
 * Signed URLs that the gateway itself answers: HMAC-SHA256 over everything that the holder may not change. Every
 * replica that has the same key accepts what another signed. Of uploads the store keeps which links have been used.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { isTenantId } from '#subgraphs/shared/tenant-id.ts';
import { OBJECT } from '../bounds.ts';
import type { ObjectSigner, SignedRequest, SignUploadOptions } from '../driver.ts';
import { keyFault } from '../input.ts';

/** The path below which signed URLs are served. */
export const SIGNED_PREFIX = '/objects/';

/** What a verified URL allows. */
export interface SignedGrant {
  readonly method: 'GET' | 'PUT';
  readonly tenantId: string;
  readonly key: string;
  /** The bound upload; present for `PUT` only. */
  readonly upload?: {
    readonly contentType: string;
    readonly sizeBytes: number;
    readonly sha256?: string;
    /** Of this link alone: it works once. */
    readonly once: string;
  };
  /** When it ends, in seconds since 1970. */
  readonly expires: number;
}

/** Signs and verifies URLs below {@link SIGNED_PREFIX}. */
export class UrlSigner implements ObjectSigner {
  readonly #key: Uint8Array;
  readonly #baseUrl: () => string;
  readonly #now: () => number;

  /**
   * @param options.signingKey at least 16 bytes, equal in all replicas
   * @param options.publicBaseUrl where clients reach this gateway, asked anew for each URL
   * @param options.now the time in milliseconds. Default: the clock
   */
  constructor(options: { signingKey: Uint8Array; publicBaseUrl: () => string; now?: () => number }) {
    if (options.signingKey.byteLength < 16)
      throw new Error('The signing key of the file store needs at least 16 bytes.');
    this.#key = Uint8Array.from(options.signingKey);
    this.#baseUrl = options.publicBaseUrl;
    this.#now = options.now ?? Date.now;
  }

  signDownload(tenantId: string, key: string, expiresIn: number): Promise<string> {
    return Promise.resolve(this.#url({ method: 'GET', tenantId, key, expires: this.#expiry(expiresIn) }));
  }

  signUpload(tenantId: string, key: string, { expiresIn, ...upload }: SignUploadOptions): Promise<SignedRequest> {
    const once = randomBytes(16).toString('base64url');
    const grant = {
      method: 'PUT',
      tenantId,
      key,
      upload: { ...upload, once },
      expires: this.#expiry(expiresIn),
    } as const;
    const url = this.#url(grant);
    return Promise.resolve({ url, method: 'PUT', headers: [{ name: 'Content-Type', value: upload.contentType }] });
  }

  /**
   * What `url` allows.
   * @throws CodedError `FORBIDDEN` where it was not signed here, was changed since, or has expired
   */
  verify(url: URL): SignedGrant {
    const grant = this.#parse(url);
    const given = Buffer.from(url.searchParams.get('signature') ?? '');
    const expected = Buffer.from(this.#sign(grant));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw tampered();
    // The same link, written otherwise: whoever keeps a list of links by their text would take it for another.
    if (this.#write(grant) !== `${url.pathname}${url.search}`) throw tampered();
    const left = grant.expires - this.#now() / 1_000;
    if (left <= 0) throw forbidden('This URL has expired.', { hint: 'Ask the API for a new one.' });
    // A signature far ahead of this clock was not made by the rule below, whatever made it.
    if (left > OBJECT.signedSeconds + OBJECT.clockSeconds) throw tampered();
    return grant;
  }

  #expiry(expiresIn: number): number {
    return Math.floor(this.#now() / 1_000) + Math.min(expiresIn, OBJECT.signedSeconds);
  }

  #url(grant: SignedGrant): string {
    return `${this.#baseUrl().replace(/\/+$/, '')}${this.#write(grant)}`;
  }

  /** The path and query of the link: the one spelling that is accepted. */
  #write(grant: SignedGrant): string {
    const path = [grant.tenantId, ...grant.key.split('/')].map(encodeURIComponent).join('/');
    const query = new URLSearchParams({ method: grant.method, expires: String(grant.expires) });
    if (grant.upload) {
      query.set('size', String(grant.upload.sizeBytes));
      query.set('type', grant.upload.contentType);
      if (grant.upload.sha256) query.set('sha256', grant.upload.sha256);
      query.set('once', grant.upload.once);
    }
    query.set('signature', this.#sign(grant));
    return `${SIGNED_PREFIX}${path}?${query.toString()}`;
  }

  #parse(url: URL): SignedGrant {
    const names = [...url.searchParams.keys()];
    // A parameter given twice could mean one thing here and another elsewhere.
    if (!url.pathname.startsWith(SIGNED_PREFIX) || new Set(names).size !== names.length) throw tampered();
    let segments: string[];
    try {
      segments = url.pathname.slice(SIGNED_PREFIX.length).split('/').map(decodeURIComponent);
    } catch (cause) {
      throw badUserInput('The path is not well-formed.', { cause });
    }
    const [tenantId = '', ...rest] = segments;
    const key = rest.join('/');
    // An encoded slash would move the border between segments.
    if (rest.some((segment) => segment.includes('/')) || !isTenantId(tenantId) || keyFault(key)) throw tampered();
    const parameter = (name: string): string => url.searchParams.get(name) ?? '';
    const method = parameter('method');
    const expires = Number(parameter('expires'));
    if (method === 'GET') return { method, tenantId, key, expires };
    if (method !== 'PUT') throw tampered();
    const sha256 = parameter('sha256');
    return {
      method,
      tenantId,
      key,
      expires,
      upload: {
        contentType: parameter('type'),
        sizeBytes: Number(parameter('size')),
        ...(sha256 ? { sha256 } : {}),
        once: parameter('once'),
      },
    };
  }

  #sign({ method, tenantId, key, upload, expires }: SignedGrant): string {
    const hmac = createHmac('sha256', this.#key);
    const parts = ['tributary-object-2', method, tenantId, key, String(expires)];
    if (upload) parts.push(String(upload.sizeBytes), upload.contentType, upload.sha256 ?? '', upload.once);
    // Length-prefixed, so that no two lists of parts are signed alike.
    for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest('base64url');
  }
}

const tampered = () =>
  forbidden('This URL was not signed here, or was changed since.', {
    hint: 'Ask the API for a new one and use it as it is.',
  });
