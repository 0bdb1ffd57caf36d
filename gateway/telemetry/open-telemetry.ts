/** Metrics and traces by OpenTelemetry's SDK; loaded only where somebody watches. */
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Attributes, Tracer } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader, type MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { StatementObserver } from '#subgraphs/shared/context.ts';
import type { ModelObserver } from '#subgraphs/shared/model-observer.ts';
import type { Span, SpanAttributes } from '#subgraphs/shared/span.ts';
import { ERROR_CODES } from '#gateway/errors.ts';
import { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import { codeOf } from './error-code.ts';
import { instrumentsOf, meterProvider, type Collected, type Instruments } from './metrics.ts';
import { watchProcess } from './process-metrics.ts';
import { OtlpLogs } from './otlp-logs.ts';
import { hostAndPort, messagePart, messagesText } from './model-calls.ts';
import { rootSpan } from './spans.ts';
import type {
  FetchStart,
  Observed,
  ObservedFetch,
  ObservedOperation,
  OperationStart,
  RequestStart,
  Telemetry,
  TelemetryOptions,
} from './telemetry.ts';
import type { Watched } from './watched.ts';
import { watchServer } from './watched-metrics.ts';

/** Systems by the names of OpenTelemetry's conventions; others go by their own. */
const SYSTEMS: Readonly<Record<string, string>> = { postgres: 'postgresql', s3: 'aws.s3' };

const secondsSince = (began: number): number => (performance.now() - began) / 1_000;

export class OpenTelemetry implements Telemetry {
  readonly #options: TelemetryOptions;
  readonly #provider: MeterProvider;
  readonly #reader: PrometheusExporter;
  readonly #instruments: Instruments;
  readonly #traces: TracerProvider | undefined;
  readonly #tracer: Tracer | undefined;
  readonly #names = new Set<string>();
  readonly #endProcess: () => void;
  readonly #logs: OtlpLogs | undefined;
  readonly line: Telemetry['line'];
  #toldOfLoss = -Infinity;
  #closing: Promise<void> | undefined;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    // What exporters cannot send they tell nobody else: the SDK has one handler for a process.
    setGlobalErrorHandler((error) => this.#lost(error));
    const { otlp, serviceName, resource: given, bounds, sampled } = options;
    const resource = resourceFromAttributes({
      'service.name': serviceName,
      'service.instance.id': crypto.randomUUID(),
      'process.pid': process.pid,
      ...given,
    });
    // Never what the exporters would read of the environment by themselves: what is set is set in one place.
    const exporter = {
      headers: async () => ({ ...otlp?.headers() }),
      timeoutMillis: bounds.exportTimeoutMs,
    };
    const readers =
      otlp?.metrics === true
        ? [
            new PeriodicExportingMetricReader({
              exporter: new OTLPMetricExporter({ url: `${otlp.endpoint}/v1/metrics`, ...exporter }),
              exportIntervalMillis: bounds.exportMs,
              exportTimeoutMillis: Math.min(bounds.exportTimeoutMs, bounds.exportMs),
            }),
          ]
        : [];
    const { provider, reader } = meterProvider(resource, readers);
    this.#provider = provider;
    this.#reader = reader;
    this.#instruments = instrumentsOf(provider.getMeter('tributary'));
    this.#endProcess = watchProcess(provider.getMeter('tributary'));
    const logs =
      otlp?.logs === true
        ? new OtlpLogs(resource, { url: `${otlp.endpoint}/v1/logs`, ...exporter }, bounds)
        : undefined;
    this.#logs = logs;
    this.line = logs && ((line) => logs.tell(line));
    if (otlp?.traces !== true) return;
    this.#traces = new TracerProvider({
      resource,
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampled) }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new OTLPTraceExporter({ url: `${otlp.endpoint}/v1/traces`, ...exporter }),
          maxQueueSize: bounds.spanQueue,
          scheduledDelayMillis: bounds.spanDelayMs,
          exportTimeoutMillis: bounds.exportTimeoutMs,
        }),
      ],
    });
    this.#tracer = this.#traces.getTracer('tributary');
  }

  request({ method, route, headers }: RequestStart): Observed<number> {
    const began = performance.now();
    const known = { 'http.request.method': METHODS.has(method) ? method : '_OTHER', 'http.route': route };
    this.#instruments.activeRequests.add(1, known);
    const span = this.#root(`${known['http.request.method']} ${route}`, known, headers);
    return {
      span,
      end: (status) => {
        this.#instruments.activeRequests.add(-1, known);
        const ended = { ...known, 'http.response.status_code': status };
        this.#instruments.requests.record(secondsSince(began), ended);
        span?.set({ 'http.response.status_code': status });
        span?.end(status >= 500 ? String(status) : undefined);
      },
    };
  }

  operation({ type, name, parent, startsWith }: OperationStart): ObservedOperation {
    const began = performance.now();
    const known = { 'graphql.operation.type': type, 'graphql.operation.name': this.#nameOf(name) };
    const title = `${type} ${known['graphql.operation.name']}`.trim();
    const span = startsWith === undefined ? parent?.child(title, known) : this.#root(title, known, startsWith);
    let isOpen = false;
    return {
      span,
      statements: this.#observer(span),
      opened: () => {
        isOpen = true;
        this.#instruments.openStreams.add(1, known);
      },
      event: () => this.#instruments.events.add(1, known),
      end: ({ codes }) => {
        if (isOpen) this.#instruments.openStreams.add(-1, known);
        this.#instruments.operations.record(secondsSince(began), {
          ...known,
          outcome: codes.length === 0 ? 'ok' : 'errors',
        });
        this.#count(codes, known);
        if (codes.length > 0) span?.set({ 'tributary.errors': codes.length });
        span?.end(codes[0]);
      },
    };
  }

  fetch({ subgraph, own, objects, parent }: FetchStart): ObservedFetch {
    const began = performance.now();
    if (objects !== undefined) this.#instruments.objects.record(objects, { subgraph });
    const span = parent?.child(`fetch ${subgraph}`, {
      'tributary.subgraph': subgraph,
      ...(objects === undefined ? {} : { 'tributary.objects': objects }),
    });
    return {
      span,
      statements: span && this.#observer(span),
      end: (failed) => {
        this.#instruments.fetches.record(secondsSince(began), {
          subgraph,
          caller: own ? 'gateway' : 'client',
          outcome: failed === undefined ? 'ok' : 'errors',
        });
        span?.end(failed);
      },
    };
  }

  /** By the conventions for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/). */
  readonly model: ModelObserver = ({ operation, server, model, parent, input }) => {
    const began = performance.now();
    const [host, port] = hostAndPort(server);
    const known = {
      'gen_ai.operation.name': operation,
      // Servers of its protocol: which of them it is, none says.
      'gen_ai.provider.name': 'openai',
      'server.address': host,
      ...(port === undefined ? {} : { 'server.port': port }),
      ...(model === undefined ? {} : { 'gen_ai.request.model': model }),
    };
    const span = parent?.child([operation, model].filter((each) => each !== undefined).join(' '), known, true);
    const { modelContent } = this.#options;
    if (modelContent && input !== undefined)
      span?.set({ 'gen_ai.input.messages': messagesText(input().map(messagePart)) });
    return ({ model: answered, tokens, money, finishReason, output, error }) => {
      const failed = error === undefined ? {} : { 'error.type': codeOf(error) };
      this.#instruments.modelCalls.record(secondsSince(began), { ...known, ...failed });
      if (tokens !== undefined)
        for (const [type, count] of [
          ['input', tokens.inputTokens],
          ['output', tokens.outputTokens],
        ] as const)
          this.#instruments.modelTokens.record(count, { ...known, 'gen_ai.token.type': type });
      if (money !== undefined) this.#instruments.modelCost.add(money, known);
      if (span === undefined) return;
      const reason = finishReason?.toLowerCase();
      span.set({
        ...(answered === undefined ? {} : { 'gen_ai.response.model': answered }),
        ...(reason === undefined ? {} : { 'gen_ai.response.finish_reasons': [reason] }),
        ...(tokens === undefined
          ? {}
          : {
              'gen_ai.usage.input_tokens': tokens.inputTokens,
              'gen_ai.usage.output_tokens': tokens.outputTokens,
              'tributary.gen_ai.usage.estimated': tokens.estimated,
            }),
        ...(money === undefined ? {} : { 'gen_ai.usage.cost': money }),
      });
      if (modelContent && output !== undefined) {
        const message = { ...messagePart({ role: 'assistant', content: output() }), finish_reason: reason };
        span.set({ 'gen_ai.output.messages': messagesText([message]) });
      }
      span.end(error);
    };
  };

  // Two clocks: what seems to come before it was appended comes at once.
  readonly lag = (ms: number): void => this.#instruments.lag.record(Math.max(0, ms) / 1_000);

  refused(codes: readonly string[]): void {
    this.#count(codes, { 'graphql.operation.type': '', 'graphql.operation.name': '' });
  }

  planned(ms: number, failed: boolean): void {
    this.#instruments.planning.record(ms / 1_000, { outcome: failed ? 'errors' : 'ok' });
  }

  watch(watched: Watched): void {
    watchServer(this.#provider.getMeter('tributary'), watched, TELEMETRY.collectMs);
  }

  async collect(): Promise<Collected> {
    const { resourceMetrics, errors } = await this.#reader.collect({ timeoutMillis: TELEMETRY.collectMs * 2 });
    for (const error of errors) this.#options.log('A metric could not be read.', error);
    const { resource, scopeMetrics } = resourceMetrics;
    // Plain, for other processes.
    return { resource: { attributes: { ...resource.attributes } }, scopeMetrics };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#endProcess();
    for (const close of [() => this.#provider.shutdown(), () => this.#traces?.shutdown(), () => this.#logs?.close()])
      await close()?.catch((error: unknown) => this.#options.log('What was measured last could not be sent.', error));
  }

  #count(codes: readonly string[], known: Attributes): void {
    for (const code of codes)
      this.#instruments.errors.add(1, { code: Object.hasOwn(ERROR_CODES, code) ? code : '_OTHER', ...known });
  }

  #root(title: string, known: SpanAttributes, { traceparent }: RequestStart['headers']): Span | undefined {
    if (this.#tracer === undefined) return undefined;
    return rootSpan(this.#tracer, title, known, traceparent, this.#options.bounds.spans);
  }

  /** As long as it lasts, once in a while. */
  #lost(error: unknown): void {
    const now = performance.now();
    if (now - this.#toldOfLoss < TELEMETRY.lossMs) return;
    this.#toldOfLoss = now;
    this.#options.log('What was measured could not be sent.', error);
  }

  #observer(span: Span | undefined): StatementObserver {
    return (store) => {
      const began = performance.now();
      const known = { 'db.system.name': SYSTEMS[store] ?? store };
      const own = span === undefined ? undefined : span.child(store, known, true);
      return (error) => {
        const failed = error === undefined ? {} : { 'error.type': codeOf(error) };
        this.#instruments.statements.record(secondsSince(began), { ...known, ...failed });
        own?.end(error);
      };
    };
  }

  /** Clients choose names; no more of them than can be kept. */
  #nameOf(name: string | undefined): string {
    if (name === undefined) return '';
    const short = name.slice(0, TELEMETRY.operationNameCharacters);
    if (this.#names.has(short)) return short;
    if (this.#names.size >= this.#options.bounds.operationNames) return 'other';
    this.#names.add(short);
    return short;
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
