/** The way to an S3 server that is the operator's own. */
import {
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type HeadObjectCommandOutput,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { s3Client } from '#subgraphs/shared/s3/client.ts';
import { faultOf, isAbsent, statusOf } from '#subgraphs/shared/s3/fault.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceOptions } from '../../driver.ts';

interface Address {
  readonly endpoint: string;
  readonly region: string;
  readonly forcePathStyle: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The bucket that the URL names; empty where it names none. */
  readonly bucket: string;
}

/** `s3://<access key>:<secret key>@host/bucket?region=eu-central-1`; `s3+http://` without TLS. */
function addressOf({ name, variable, url }: SourceOptions): Address {
  try {
    const { protocol, host, username, password, pathname, searchParams } = new URL(url());
    const unknown = [...searchParams.keys()].filter((key) => key !== 'region' && key !== 'pathStyle');
    if (host === '') throw new Error('It names no host.');
    if (username === '' || password === '') throw new Error('It has no access key, or no secret key.');
    if (unknown.length > 0) throw new Error(`It says ${unknown.join(' and ')}, which it has no meaning for.`);
    return {
      endpoint: `${protocol === 's3+http:' ? 'http' : 'https'}://${host}`,
      region: searchParams.get('region') ?? 'us-east-1',
      forcePathStyle: searchParams.get('pathStyle') !== 'false',
      accessKeyId: decodeURIComponent(username),
      secretAccessKey: decodeURIComponent(password),
      bucket: decodeURIComponent(pathname.replace(/^\/|\/$/g, '')),
    };
  } catch (cause) {
    // The URL holds a secret: its words are the cause's alone.
    throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
      cause,
      hint: `Set ${variable} to one such as s3://<access key>:<secret key>@s3.eu-central-1.amazonaws.com/bucket?region=eu-central-1, with each / and + of the keys as %2F and %2B; s3+http:// for a server without TLS.`,
    });
  }
}

export class S3Server {
  readonly #options: SourceOptions;
  readonly #client: S3Client;
  /** The bucket that the URL names; empty where it names none. */
  readonly bucket: string;

  /** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
  constructor(options: SourceOptions) {
    this.#options = options;
    const { endpoint, region, forcePathStyle, bucket } = addressOf(options);
    this.bucket = bucket;
    this.#client = s3Client({
      endpoint,
      region,
      forcePathStyle,
      credentials: () => addressOf(options),
      requestTimeoutMs: options.statementTimeoutMs,
      connectTimeoutMs: options.connectTimeoutMs,
      attempts: SOURCES.s3Attempts,
      socketWarningMs: SOURCES.s3SocketWarningMs,
      sockets: options.poolSize,
    });
  }

  /** All that the key may list. */
  async buckets(): Promise<string[]> {
    const { Buckets = [] } = await this.#ask('', undefined, (abortSignal) =>
      this.#client.send(new ListBucketsCommand({}), { abortSignal }),
    );
    return Buckets.flatMap(({ Name }) => Name ?? []).sort();
  }

  async list(
    input: ListObjectsV2CommandInput & { readonly Bucket: string },
    context?: RequestContext,
  ): Promise<ListObjectsV2CommandOutput> {
    return await this.#ask(input.Bucket, context, (abortSignal) =>
      this.#client.send(new ListObjectsV2Command(input), { abortSignal }),
    );
  }

  /** Undefined where there is none. */
  async head(bucket: string, key: string, context: RequestContext): Promise<HeadObjectCommandOutput | undefined> {
    return await this.#ask(bucket, context, async (abortSignal) => {
      try {
        return await this.#client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
      } catch (error) {
        if (isAbsent(error)) return undefined;
        const status = statusOf(error);
        if (status === undefined || status >= 500) throw error;
        // It has no words to say why. A list that is refused has; one that answers says that the server has no such names.
        const { Contents = [] } = await this.#client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }),
          { abortSignal },
        );
        if (Contents[0]?.Key === key) throw error;
        return undefined;
      }
    });
  }

  close(): void {
    this.#client.destroy();
  }

  async #ask<Answer>(
    bucket: string,
    context: RequestContext | undefined,
    send: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    context?.signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(this.#options.statementTimeoutMs);
    const ending = context?.signal === undefined ? timeout : AbortSignal.any([timeout, context.signal]);
    const ask = (): Promise<Answer> => send(ending);
    try {
      return await (context === undefined ? ask() : context.statements.timed('s3', ask));
    } catch (error) {
      context?.signal?.throwIfAborted();
      throw this.#told(error, bucket, timeout.aborted);
    }
  }

  #told(error: unknown, bucket: string, late: boolean): unknown {
    if (error instanceof CodedError || !(error instanceof Error)) return error;
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    const fault = late ? 'slow' : faultOf(error);
    switch (fault) {
      case 'slow':
        return storeTimeout(store, error, `Check the server at ${variable}, or raise SOURCES_STATEMENT_TIMEOUT_MS.`);
      case 'no bucket':
        return new CodedError(
          'STORE_UNAVAILABLE',
          `${store} has changed: the bucket ${JSON.stringify(bucket)} is gone.`,
          {
            cause: error,
            hint: 'If it is right so, save the file of SOURCES again, which looks at the store anew; else bring it back.',
          },
        );
      case 'credentials':
        return storeUnavailable(
          store,
          error,
          `The S3 server refused the access key or its secret: check those in ${variable}.`,
        );
      case 'denied':
        return storeUnavailable(
          store,
          error,
          bucket === ''
            ? `The access key in ${variable} may not list buckets: name one in the path of the URL, or those that are read under \`schemas\` in the file of SOURCES.`
            : `Allow the access key in ${variable} to list and read the bucket ${JSON.stringify(bucket)}.`,
        );
      case 'region':
        return storeUnavailable(store, error, `The bucket is in another region: say \`?region=\` in ${variable}.`);
      case 'clock':
        return storeUnavailable(store, error, "The S3 server refused the request's time: set this machine's clock.");
      case 'refused':
        return storeUnavailable(
          store,
          error,
          `The server at ${variable} answered ${error.name} (HTTP status ${statusOf(error)}).`,
        );
      default:
        return storeUnavailable(store, error, `Check that an S3 server runs at ${variable}.`);
    }
  }
}
