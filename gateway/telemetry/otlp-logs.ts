/** Lines of the log by OTLP, as they are written: redacted, cut, and bounded in how many wait. */
import { ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { SeverityNumber, type AnyValueMap, type Logger } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import type { Resource } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import type { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';

const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** What a line of the log has; all else is its attributes. */
interface Entry extends Record<string, AnyValueMap[string]> {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
}

export class OtlpLogs {
  readonly #provider: LoggerProvider;
  readonly #logger: Logger;

  /** @param exporter where they go */
  constructor(
    resource: Resource,
    exporter: ConstructorParameters<typeof OTLPLogExporter>[0],
    bounds: BoundValues<typeof TELEMETRY>,
  ) {
    this.#provider = new LoggerProvider({
      resource,
      processors: [
        new BatchLogRecordProcessor({
          exporter: new OTLPLogExporter(exporter),
          maxQueueSize: bounds.logQueue,
          scheduledDelayMillis: bounds.spanDelayMs,
          exportTimeoutMillis: bounds.exportTimeoutMs,
        }),
      ],
    });
    this.#logger = this.#provider.getLogger('tributary');
  }

  /** @param line one entry, as JSON */
  tell(line: string): void {
    const entry = entryOf(line);
    // Where a secret stood in the place of a number the line is no JSON: it is on standard error, and a log that throws ends requests.
    if (entry === undefined) return;
    const { level, time, msg, err, traceId, spanId, ...attributes } = entry;
    const isTraced = typeof traceId === 'string' && typeof spanId === 'string';
    this.#logger.emit({
      timestamp: new Date(time),
      severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
      severityText: level,
      body: msg,
      attributes: { ...attributes, ...exceptionOf(err) },
      context: isTraced
        ? trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED })
        : ROOT_CONTEXT,
    });
  }

  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

function entryOf(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}

/** By the names of the conventions (https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/). */
function exceptionOf(error: unknown): AnyValueMap {
  if (error === undefined) return {};
  if (typeof error !== 'object' || error === null) return { 'exception.message': String(error) };
  const { type, message, stack, code, cause } = error as Record<string, AnyValueMap[string]>;
  return {
    'exception.type': type,
    'exception.message': message,
    ...(stack === undefined ? {} : { 'exception.stacktrace': stack }),
    ...(code === undefined ? {} : { 'error.type': code }),
    ...(cause === undefined ? {} : { 'exception.cause': cause }),
  };
}
