/**
 * What a request's work is shown as to whoever watches traces. Made by the gateway's telemetry; absent from a request that is not
 * traced, which then costs nothing.
 */

/** Values by the names of OpenTelemetry's semantic conventions. Never texts or values of clients. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A step of a request's work. */
export interface Span {
  /**
   * Begins a step within this one.
   * @param calls whether it is a call to another system. @default false
   */
  child(name: string, attributes?: SpanAttributes, calls?: boolean): Span;
  set(attributes: SpanAttributes): void;
  /** @param error what it failed with */
  end(error?: unknown): void;
  /** For the header of calls to others (https://www.w3.org/TR/trace-context/). */
  readonly traceparent: string;
}
