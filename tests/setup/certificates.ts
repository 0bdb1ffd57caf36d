/** Authorities and certificates of tests (RFC 5280), made when they are needed: no machine need have `openssl`. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** As PEM text. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and IPv4 addresses that it is for. @default localhost and 127.0.0.1 */
  readonly hosts?: readonly string[];
  /** @default an hour ago */
  readonly from?: Date;
  /** @default in an hour */
  readonly to?: Date;
}

export interface Authority {
  /** Its own certificate as PEM text. */
  readonly ca: string;
  /** A certificate of it, for servers and clients. */
  issue(options?: CertificateOptions): Certificate;
}

const HOUR = 3_600_000;

export function createAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = { issuer: name, subject: name, publicKey, signer: privateKey, ...validity({}) };
  return {
    ca: certificate({ ...own, extensions: [extension('2.5.29.19', sequence(boolean(true)), true)] }),
    issue(options = {}) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { hosts = ['localhost', '127.0.0.1'] } = options;
      const names = hosts.map((host) =>
        isIP(host) === 4 ? tagged(0x87, Buffer.from(host.split('.').map(Number))) : tagged(0x82, Buffer.from(host)),
      );
      return {
        cert: certificate({
          ...own,
          subject: hosts[0]!,
          publicKey: pair.publicKey,
          ...validity(options),
          extensions: [extension('2.5.29.17', sequence(...names))],
        }),
        key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

/** The same key, which a passphrase keeps. */
export const encrypted = (key: string): string =>
  createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'a passphrase' })
    .toString();

const validity = ({ from = new Date(Date.now() - HOUR), to = new Date(Date.now() + HOUR) }: CertificateOptions) => ({
  from,
  to,
});

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly from: Date;
  readonly to: Date;
  readonly extensions: readonly Buffer[];
}

function certificate({ issuer, subject, publicKey, signer, from, to, extensions }: Contents): string {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const named = (name: string): Buffer =>
    sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(name)))));
  const content = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // Version 3.
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    named(issuer),
    sequence(time(from), time(to)),
    named(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', content, signer);
  const der = sequence(content, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

// What follows is DER (X.690).

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts));
const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));
/** UTCTime, for the years up to 2049. */
const time = (moment: Date): Buffer =>
  tagged(0x17, Buffer.from(`${moment.toISOString().replaceAll(/\D/g, '').slice(2, 14)}Z`));

function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), tagged(0x04, value));
