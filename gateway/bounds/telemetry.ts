import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of a line of the log, which tells of what clients choose the length of, and of what is watched. */
export const TELEMETRY = bounds('gateway/telemetry', 'telemetry', {
  logTextCharacters: {
    what: 'The longest text in a line of the log; the rest is counted.',
    unit: 'characters',
    default: 4_096,
  },
  logListItems: { what: 'The most items of a list in a line of the log.', unit: 'items', default: 100 },
  logDepth: { what: 'How deep objects in a line of the log are cut.', unit: 'levels', default: 5 },
  operationNames: {
    what: 'How many names of operations have metrics of their own, in the order in which they come; all others are counted as `other`.',
    unit: 'names',
    default: 200,
    variable: 'METRICS_OPERATIONS',
    min: 0,
    max: 10_000,
  },
  operationNameCharacters: {
    what: "How much of an operation's name its metrics and spans have.",
    unit: 'characters',
    default: 80,
  },
  streamCodes: { what: 'How many errors of one stream are counted.', unit: 'errors', default: 100 },
  collectMs: {
    what: 'How long what must be asked for is waited for when metrics are read, such as the state of stores.',
    unit: 'ms',
    default: 5_000,
  },
  spans: {
    what: 'The most spans of one request; how many more there were is said on the first.',
    unit: 'spans',
    default: 500,
    variable: 'MAX_SPANS_PER_REQUEST',
    min: 1,
    max: 10_000,
  },
  spanQueue: {
    what: 'How many spans wait to be sent; more are dropped.',
    unit: 'spans',
    default: 8_192,
    variable: 'OTEL_BSP_MAX_QUEUE_SIZE',
    min: 512,
    max: 1_000_000,
  },
  spanDelayMs: {
    what: 'How long spans wait for others to be sent with.',
    unit: 'ms',
    default: 5_000,
    variable: 'OTEL_BSP_SCHEDULE_DELAY',
    min: 10,
    max: 600_000,
  },
  exportMs: {
    what: 'How often metrics are sent by OTLP.',
    unit: 'ms',
    default: 60_000,
    variable: 'OTEL_METRIC_EXPORT_INTERVAL',
    min: 1_000,
    max: 3_600_000,
  },
  lossMs: { what: 'How often the log says that nothing can be sent.', unit: 'ms', default: 60_000 },
  exportTimeoutMs: {
    what: 'Longest time for sending metrics or spans by OTLP, and at the end for what is left.',
    unit: 'ms',
    default: 5_000,
    variable: 'OTEL_EXPORTER_OTLP_TIMEOUT',
    min: 100,
    max: 60_000,
  },
});
