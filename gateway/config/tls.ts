/**
 * Certificates and keys of connections between the gateway and subgraphs. Files are read anew whenever a connection is
 * made, so that certificates are exchanged under running processes.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { keepSecret } from '#subgraphs/shared/kept-secrets.ts';
import { readVariable } from './credentials.ts';
import { secretParts } from './secret-parts.ts';

/** What one side shows and trusts, as PEM text, and the oldest version of TLS that it speaks. */
export interface TlsTexts {
  /** The authorities that the other side's certificate may come from. @default those that Node.js trusts */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion: 'TLSv1.2';
}

export interface CurrentTls {
  /**
   * The texts as they are now; the same object for as long as nothing has changed. While what has changed cannot be used,
   * such as a certificate whose key is still on its way, those before.
   * @param warn told why it cannot, once for each change
   */
  now(warn?: (fault: string) => void): TlsTexts;
  /** The name that the other side's certificate must have. @default that of its host */
  readonly serverName: string | undefined;
}

/** Where nothing is said: no certificate is shown, and those authorities are trusted that Node.js trusts. */
export const ANY_TLS: CurrentTls = { serverName: undefined, now: () => ANY_TEXTS };
const ANY_TEXTS: TlsTexts = { minVersion: 'TLSv1.2' };

type Environment = Readonly<Record<string, string | undefined>>;
type Parts = Readonly<Record<'ca' | 'cert' | 'key', string | undefined>>;

/** What is said of one subgraph to do without the general authorities, and without the general certificate. */
const [SYSTEM, NONE] = ['system', 'none'];

const OF_ONE = /^SUBGRAPH_([A-Z][A-Z0-9_]*?)_TLS_(CA|CERT|KEY|SERVER_NAME)(_FILE)?$/;

/** What a variable says of the TLS of one subgraph: of which, and the variable that says the same of all; undefined for others. */
export function tlsOfOne(
  variable: string,
): { readonly name: string; readonly ofAll: string; readonly isFile: boolean } | undefined {
  const [, name, part, file] = OF_ONE.exec(variable) ?? [];
  return name === undefined ? undefined : { name, ofAll: `${GENERAL}${part}`, isFile: file !== undefined };
}

/**
 * How subgraphs elsewhere are connected to, by their names in variables.
 * @param urls of those that run apart, by lower-case name
 */
export function readSubgraphTls(
  env: Environment,
  urls: Readonly<Record<string, string>>,
  faults: string[],
): (nameInVariables: string) => CurrentTls | undefined {
  const given = (prefix: string, part: string): string | undefined =>
    env[`${prefix}${part}`] || env[`${prefix}${part}_FILE`] ? `${prefix}${part}` : undefined;
  const read = (prefix: string): CurrentTls | undefined => {
    const either = (part: string): string | undefined => given(prefix, part) ?? given(GENERAL, part);
    const pair = (given(prefix, 'CERT') ?? given(prefix, 'KEY')) === undefined ? GENERAL : prefix;
    const parts = { ca: either('CA'), cert: given(pair, 'CERT'), key: given(pair, 'KEY') };
    const named = either('SERVER_NAME');
    if (Object.values(parts).every((name) => name === undefined) && named === undefined) return undefined;
    return followed(env, parts, named === undefined ? undefined : env[named], faults);
  };
  const ofAll = read(GENERAL);
  const byName = new Map<string, CurrentTls | undefined>();
  for (const [variable, value] of Object.entries(env)) {
    const name = value ? tlsOfOne(variable)?.name : undefined;
    if (name === undefined || byName.has(name)) continue;
    byName.set(name, read(`SUBGRAPH_${name}_TLS_`));
    if (urls[name.toLowerCase()]?.startsWith('http:') === true)
      faults.push(
        `${variable} has no effect: SUBGRAPH_${name}_URL starts with http://, so that nothing of it is encrypted.`,
      );
  }
  return (name) => (byName.has(name) ? byName.get(name) : ofAll);
}

const GENERAL = 'SUBGRAPH_TLS_';

/** What `npm run subgraph` serves with; undefined where it serves without TLS. */
export function readServerTls(env: Environment, faults: string[]): CurrentTls | undefined {
  const set = (name: string): string | undefined => (env[name] || env[`${name}_FILE`] ? name : undefined);
  const parts = { ca: set('SERVE_TLS_CLIENT_CA'), cert: set('SERVE_TLS_CERT'), key: set('SERVE_TLS_KEY') };
  if (Object.values(parts).every((name) => name === undefined)) return undefined;
  if (parts.cert === undefined && parts.key === undefined)
    faults.push('SERVE_TLS_CERT must be set beside SERVE_TLS_CLIENT_CA, or nothing is served over TLS.');
  return followed(env, parts, undefined, faults);
}

function followed(env: Environment, parts: Parts, serverName: string | undefined, faults: string[]): CurrentTls {
  const first = textsOf(env, parts);
  // What is wrong with the general ones is said once.
  for (const fault of first.faults) if (!faults.includes(fault)) faults.push(fault);
  let used = first.texts;
  let seen = first.text;
  return {
    serverName,
    now(warn) {
      const { texts, text, faults: wrong } = textsOf(env, parts, seen);
      if (text === seen) return used;
      seen = text;
      if (wrong.length === 0) used = texts;
      else for (const fault of wrong) warn?.(fault);
      return used;
    },
  };
}

interface Read {
  readonly texts: TlsTexts;
  /** All that was read, to compare. */
  readonly text: string;
  readonly faults: readonly string[];
}

/** @param before what was read last: what is the same is not looked at again */
function textsOf(env: Environment, parts: Parts, before?: string): Read {
  const faults: string[] = [];
  const read = (name: string | undefined): string | undefined =>
    // Environments of one line have `\\n` for its ends.
    name === undefined ? undefined : readVariable(env, name, faults)?.replaceAll('\\n', '\n');
  const [ca, cert, key] = [read(parts.ca), read(parts.cert), read(parts.key)];
  const text = [ca, cert, key, ...faults].join('\n\n');
  const texts: TlsTexts = {
    minVersion: 'TLSv1.2',
    ...(ca === undefined || ca === SYSTEM ? {} : { ca }),
    ...(cert === undefined || cert === NONE || key === undefined ? {} : { cert, key }),
  };
  if (text === before || faults.length > 0) return { texts, text, faults };
  if (ca !== undefined && ca !== SYSTEM) checkAuthorities(ca, parts.ca!, faults);
  if (cert !== NONE) checkPair({ cert, key }, parts, faults);
  if (key !== undefined)
    for (const part of secretParts(key.slice(key.indexOf('-----BEGIN')))) keepSecret(parts.key!, part);
  return { texts, text, faults };
}

function checkAuthorities(text: string, name: string, faults: string[]): void {
  const all = (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(certificateOf);
  if (all.length === 0 || all.includes(undefined))
    faults.push(`${name} must be certificates of authorities as PEM text (\`-----BEGIN CERTIFICATE-----\`).`);
  else if (all.every((authority) => Date.parse(authority!.validTo) < Date.now()))
    faults.push(`${name} has expired: ${validity(all.at(-1)!)}.`);
}

function checkPair(
  { cert, key }: Pick<TlsTexts, 'cert' | 'key'>,
  { cert: ofCert, key: ofKey }: Parts,
  faults: string[],
): void {
  if (ofCert === undefined && ofKey === undefined) return;
  if (ofCert === undefined || ofKey === undefined) {
    const [missing, there] = ofCert === undefined ? [sibling(ofKey!, 'CERT'), ofKey] : [sibling(ofCert, 'KEY'), ofCert];
    faults.push(`${missing} must be set beside ${there}: a certificate and its key belong together.`);
    return;
  }
  const certificate = certificateOf(cert!);
  if (certificate === undefined)
    faults.push(`${ofCert} must be a certificate as PEM text (\`-----BEGIN CERTIFICATE-----\`).`);
  else if (Date.parse(certificate.validTo) < Date.now())
    faults.push(`${ofCert} has expired: ${validity(certificate)}.`);
  else if (Date.parse(certificate.validFrom) > Date.now())
    faults.push(`${ofCert} is not valid yet: ${validity(certificate)}.`);
  const secret = keyOf(key!);
  if (secret === undefined)
    faults.push(`${ofKey} must be a private key as PEM text (\`-----BEGIN PRIVATE KEY-----\`), without a passphrase.`);
  else if (certificate?.checkPrivateKey(secret) === false)
    faults.push(`${ofKey} is not the key of the certificate in ${ofCert}.`);
}

const sibling = (name: string, part: string): string => name.replace(/(CERT|KEY)$/, part);

const validity = ({ validFrom, validTo }: X509Certificate): string =>
  `it is valid from ${new Date(validFrom).toISOString()} to ${new Date(validTo).toISOString()}`;

function certificateOf(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function keyOf(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}
