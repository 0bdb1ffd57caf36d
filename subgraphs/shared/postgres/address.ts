/**
 * Where a PostgreSQL server is and how to speak to it: a URL that may change under a running process (its password is
 * rotated), and TLS by libpq's rules, so that a URL means here what it means to `psql` (PostgreSQL manual, 32.19 SSL
 * Support).
 */
import { readFileSync } from 'node:fs';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { CodedError } from '../errors.ts';

/** What a connection is made of, besides the options that all connections share. */
export interface Credentials {
  /** Without the parameters of TLS. */
  readonly connectionString: string;
  readonly ssl: false | ConnectionOptions;
}

const TLS_PARAMETERS = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'] as const;
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/**
 * Takes a URL apart. Files of certificates are read now.
 *
 * | `sslmode` | TLS | the server's certificate |
 * | --- | --- | --- |
 * | absent, `disable` | no | |
 * | `allow`, `prefer` | where the server offers it | is not looked at |
 * | `require` | yes | is not looked at, but with `sslrootcert`: signed by that authority |
 * | `verify-ca` | yes | signed by the authority in `sslrootcert` |
 * | `verify-full` | yes | signed by it (or a public authority), and made out to this host |
 *
 * @throws CodedError `STORE_UNAVAILABLE` for what cannot be read or contradicts itself
 */
export function credentialsOf(url: string): Credentials {
  const [base, query = ''] = splitOnce(url, '?');
  const parameters = new URLSearchParams(query);
  const given = Object.fromEntries(TLS_PARAMETERS.map((name) => [name, parameters.get(name) ?? undefined])) as Record<
    (typeof TLS_PARAMETERS)[number],
    string | undefined
  >;
  for (const name of TLS_PARAMETERS) parameters.delete(name);
  const rest = parameters.toString();
  const mode =
    given.sslmode ??
    (given.sslrootcert || given.sslcert || ['true', '1'].includes(given.ssl ?? '') ? 'verify-full' : 'disable');
  if (!MODES.includes(mode)) throw faulty(`sslmode must be one of ${MODES.slice(0, -1).join(', ')}.`);
  return {
    connectionString: rest === '' ? base : `${base}?${rest}`,
    ssl: tlsOf(mode, given, hostOf(base, parameters)),
  };
}

function tlsOf(
  mode: string,
  { sslrootcert, sslcert, sslkey }: { sslrootcert?: string; sslcert?: string; sslkey?: string },
  host: string,
): false | ConnectionOptions {
  if (mode === 'disable') return false;
  const authority =
    sslrootcert === undefined || sslrootcert === 'system' ? undefined : fileOf('sslrootcert', sslrootcert);
  if (mode === 'verify-ca' && authority === undefined) {
    throw faulty(
      "sslmode=verify-ca needs sslrootcert (PGSSLROOTCERT), the file of the authority's certificate; or use verify-full.",
    );
  }
  const verified = mode.startsWith('verify-') || (mode === 'require' && authority !== undefined);
  return {
    ...(authority === undefined ? {} : { ca: authority }),
    ...(sslcert === undefined ? {} : { cert: fileOf('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: fileOf('sslkey', sslkey) }),
    rejectUnauthorized: verified,
    // Of the host by name: without one, Node would compare the name of an address with `localhost`.
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

/** Follows one server's URL, and makes the clients that connect to it. */
export class PostgresAddress {
  readonly #url: () => string;
  #used: string | undefined;
  #credentials: Credentials | undefined;
  /** The server has said that it does not speak TLS, where that is acceptable. */
  #plain = false;

  /** @param url asked before each connection. @throws CodedError as {@link credentialsOf} */
  constructor(url: string | (() => string)) {
    this.#url = typeof url === 'string' ? () => url : url;
    this.#used = this.#url();
    this.#credentials = credentialsOf(this.#used);
  }

  /**
   * What the next connection is made with. What has become unreadable stays as it was: connections that are open go on,
   * too.
   */
  current(): Credentials {
    try {
      const url = this.#url();
      if (url !== this.#used) this.#credentials = credentialsOf(url);
      this.#used = url;
    } catch {
      // The server says what is wrong with the old ones, if anything is.
    }
    const { connectionString, ssl } = this.#credentials!;
    return { connectionString, ssl: this.#plain ? false : ssl };
  }

  /** A class of clients that connect with what is current when each is made, as a pool needs it. */
  clientClass(): new (options?: pg.ClientConfig) => pg.Client {
    const current = (): Credentials => this.current();
    return class extends pg.Client {
      constructor(options?: pg.ClientConfig) {
        super({ ...options, ...current() });
      }
    };
  }

  /** Whether a connection that failed may be tried once more: with another password, or without TLS. */
  mayRetry(error: unknown): boolean {
    const { code, message = '' } = error as { code?: unknown; message?: string };
    if (code === '28P01' || code === '28000') {
      const used = this.#used;
      this.current();
      return this.#used !== used;
    }
    const optional = /[?&]sslmode=(allow|prefer)\b/.test(this.#used ?? '');
    if (this.#plain || !optional || !message.includes('does not support SSL')) return false;
    this.#plain = true;
    return true;
  }
}

const faulty = (message: string, cause?: unknown): CodedError =>
  new CodedError('STORE_UNAVAILABLE', `The connection to PostgreSQL is misconfigured: ${message}`, {
    cause,
    hint: 'Correct DATABASE_URL (or the PG variables).',
  });

function fileOf(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw faulty(
      `the file that ${parameter} names cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
      error,
    );
  }
}

/** The host that a certificate must be made out to. */
function hostOf(base: string, parameters: URLSearchParams): string {
  const named = parameters.get('host');
  if (named !== null) return named;
  return URL.canParse(base) ? decodeURIComponent(new URL(base).hostname).replace(/^\[(.+)\]$/, '$1') : '';
}

function splitOnce(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
