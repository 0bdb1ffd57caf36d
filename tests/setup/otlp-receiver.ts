/** Takes what is sent by OTLP over HTTP as JSON, and keeps it for a test to look at. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ReceivedLog {
  readonly severity: string;
  readonly body: unknown;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Pair {
  key: string;
  value: Record<string, unknown>;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Names of metrics that came, with the attributes of who sent them. */
  readonly metrics: { readonly resource: Readonly<Record<string, unknown>>; readonly names: readonly string[] }[];
  /** Lines of the log. */
  readonly logs: ReceivedLog[];
  /** Values of the header `authorization`. */
  readonly authorizations: (string | undefined)[];
  /** Everything that came, as text. */
  readonly bodies: string[];
  /** While true, nothing is answered. */
  hangs: boolean;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const it = {
    spans: [] as ReceivedSpan[],
    metrics: [] as OtlpReceiver['metrics'],
    logs: [] as ReceivedLog[],
    hangs: false,
  };
  const authorizations: (string | undefined)[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (receiver.hangs) return;
      authorizations.push(request.headers.authorization);
      const sent = Buffer.concat(chunks);
      const text = String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent);
      bodies.push(text);
      const body = JSON.parse(text) as Record<string, never[]>;
      if (request.url === '/v1/traces') it.spans.push(...spansOf(body));
      else if (request.url === '/v1/metrics') it.metrics.push(...metricsOf(body));
      else if (request.url === '/v1/logs') it.logs.push(...logsOf(body));
      response.writeHead(request.url?.startsWith('/v1/') === true ? 200 : 404, { 'content-type': 'application/json' });
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: OtlpReceiver = {
    ...it,
    authorizations,
    bodies,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

const pairs = (attributes: readonly Pair[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON of others */
const spansOf = ({ resourceSpans }: any): ReceivedSpan[] =>
  resourceSpans.flatMap(({ scopeSpans }: any) =>
    scopeSpans.flatMap(({ spans }: any) =>
      spans.map((span: any) => ({
        name: span.name,
        kind: span.kind,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
        failed: span.status?.code === 2,
        attributes: pairs(span.attributes),
      })),
    ),
  );

const logsOf = ({ resourceLogs }: any): ReceivedLog[] =>
  resourceLogs.flatMap(({ scopeLogs }: any) =>
    scopeLogs.flatMap(({ logRecords }: any) =>
      logRecords.map((record: any) => ({
        severity: record.severityText,
        body: Object.values(record.body)[0],
        traceId: record.traceId === '' ? undefined : record.traceId,
        spanId: record.spanId === '' ? undefined : record.spanId,
        attributes: pairs(record.attributes),
      })),
    ),
  );

const metricsOf = ({ resourceMetrics }: any): OtlpReceiver['metrics'] =>
  resourceMetrics.map(({ resource, scopeMetrics }: any) => ({
    resource: pairs(resource.attributes),
    names: scopeMetrics.flatMap(({ metrics }: any) => metrics.map(({ name }: any) => name)),
  }));
