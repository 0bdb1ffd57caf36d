/**
 * The metrics of this process, by OpenTelemetry's names where it has any
 * (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), with `tributary.` before all others.
 */
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Resource } from '@opentelemetry/resources';
import { MeterProvider, type MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** Metrics as they are gathered: plain objects, which can be sent from process to process. */
export type Collected = Pick<ResourceMetrics, 'scopeMetrics'> & { readonly resource: { readonly attributes: object } };

/** Metrics of one of several processes that serve together. */
export interface OfWorker {
  readonly worker: number;
  readonly collected: Collected;
}

/** How processes that serve together answer for each other. */
export interface SharedMetrics {
  /** Says how this process's own are gathered. */
  provide(own: () => Promise<Collected>): void;
  /** Everybody's. */
  all(): Promise<readonly OfWorker[]>;
}

/** Upper ends of buckets, in seconds: what a cache answers, to what a model takes. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** As the conventions for generative AI have them. */
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
const OBJECTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000];

/** What is counted and timed as it happens. */
export type Instruments = ReturnType<typeof instrumentsOf>;

export function instrumentsOf(meter: Meter) {
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: SECONDS } });
  return {
    requests: seconds('http.server.request.duration', 'HTTP requests, to the last byte of their answers.'),
    activeRequests: meter.createUpDownCounter('http.server.active_requests', {
      description: 'HTTP requests under way, open streams among them.',
      unit: '{request}',
    }),
    operations: seconds(
      'tributary.operation.duration',
      'Operations of GraphQL on whatever transport; of subscriptions, how long they were open.',
    ),
    errors: meter.createCounter('tributary.operation.errors', {
      description: 'Errors of operations, by code.',
      unit: '{error}',
    }),
    openStreams: meter.createUpDownCounter('tributary.subscription.open', {
      description: 'Subscriptions that are open.',
      unit: '{subscription}',
    }),
    events: meter.createCounter('tributary.subscription.events', {
      description: 'Events that were answered, once for each subscriber.',
      unit: '{event}',
    }),
    lag: seconds(
      'tributary.stream.lag',
      'From the append of an event of a run until streams of this process have it, by the clocks of both.',
    ),
    planning: seconds('tributary.planning.duration', 'Planning of operations that were not known.'),
    fetches: seconds('tributary.subgraph.duration', 'Calls to subgraphs, in this process and elsewhere.'),
    objects: meter.createHistogram('tributary.subgraph.objects', {
      description: 'Objects that one call asks a subgraph about.',
      unit: '{object}',
      advice: { explicitBucketBoundaries: OBJECTS },
    }),
    modelCalls: seconds('gen_ai.client.operation.duration', 'Calls of models, to the end of their answers.'),
    modelTokens: meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Tokens that calls of models took, estimated where the server counted none.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKENS },
    }),
    modelCost: meter.createCounter('tributary.model.cost', {
      description: "What calls of models cost, by the operator's prices.",
      unit: '{currency}',
    }),
    statements: seconds('db.client.operation.duration', 'Round trips to stores and model servers.'),
  };
}

/** A provider that is read at `/metrics`, and by `others`. */
export function meterProvider(
  resource: Resource,
  others: readonly MetricReader[],
): { provider: MeterProvider; reader: PrometheusExporter } {
  // Only a reader here: it opens no port.
  const reader = new PrometheusExporter({ preventServerStart: true });
  return { provider: new MeterProvider({ resource, readers: [reader, ...others] }), reader };
}
