/** Spans by OpenTelemetry's SDK, handed on explicitly: nothing of it is global, and a request that is not traced has none. */
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Tracer,
} from '@opentelemetry/api';
import type { Span as SdkSpan } from '@opentelemetry/api';
import type { Span, SpanAttributes } from '#subgraphs/shared/span.ts';
import { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import { codeOf } from './error-code.ts';
import { readTraceparent } from './traceparent.ts';

/**
 * The first span of a request.
 * @param traceparent of the caller, whose trace it goes on with, and whose decision holds
 * @param most spans of it
 * @returns undefined where it is not traced
 */
export function rootSpan(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  traceparent: unknown,
  most: number,
): Span | undefined {
  const caller = readTraceparent(traceparent);
  const context =
    caller === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, {
          traceId: caller.traceId,
          spanId: caller.spanId,
          traceFlags: Number.parseInt(caller.flags, 16) & TraceFlags.SAMPLED,
          isRemote: true,
        });
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, context);
  return span.isRecording()
    ? new RecordedSpan(tracer, span, { most, left: most - 1, dropped: 0, since: performance.now() })
    : undefined;
}

/** How many more spans a request may have, and how many it would have had. */
interface Allowance {
  readonly most: number;
  left: number;
  dropped: number;
  /** From when on, by `performance.now()`. */
  since: number;
}

class RecordedSpan implements Span {
  readonly #tracer: Tracer;
  readonly #span: SdkSpan;
  readonly #allowance: Allowance;
  readonly #isChild: boolean;

  constructor(tracer: Tracer, span: SdkSpan, allowance: Allowance, isChild = false) {
    this.#tracer = tracer;
    this.#span = span;
    this.#allowance = allowance;
    this.#isChild = isChild;
  }

  get traceparent(): string {
    const { traceId, spanId } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  part(name: string): Span {
    const now = performance.now();
    if (now - this.#allowance.since > TELEMETRY.partsMs)
      Object.assign(this.#allowance, { left: this.#allowance.most, since: now });
    return this.child(name);
  }

  child(name: string, attributes: SpanAttributes = {}, calls = false): Span {
    if (this.#allowance.left === 0) {
      this.#allowance.dropped += 1;
      return new LeftOut(this);
    }
    this.#allowance.left -= 1;
    const kind = calls ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const context = trace.setSpan(ROOT_CONTEXT, this.#span);
    return new RecordedSpan(
      this.#tracer,
      this.#tracer.startSpan(name, { kind, attributes }, context),
      this.#allowance,
      true,
    );
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      // The code alone: messages may hold what clients sent.
      const type = typeof error === 'string' ? error : codeOf(error);
      this.#span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR, message: type });
    }
    if (!this.#isChild && this.#allowance.dropped > 0)
      this.#span.setAttribute('tributary.spans.dropped', this.#allowance.dropped);
    this.#span.end();
  }
}

/** A step that is not shown, because the request has as many as it may. What it calls sees the step around it. */
class LeftOut implements Span {
  readonly #around: Span;

  constructor(around: Span) {
    this.#around = around;
  }

  get traceparent(): string {
    return this.#around.traceparent;
  }

  part(name: string): Span {
    return this.#around.part(name);
  }

  child(name: string, attributes?: SpanAttributes, calls?: boolean): Span {
    return this.#around.child(name, attributes, calls);
  }

  set(): void {
    // Nothing shows it.
  }

  end(): void {
    // Nothing shows it.
  }
}
