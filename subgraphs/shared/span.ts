/**
 * What a request's work is shown as to whoever watches traces. Made by the gateway's telemetry; absent from a request that is not
 * traced, which then costs nothing.
 */

/** Values by the names of OpenTelemetry's semantic conventions. Never texts or values of clients, but what models are asked and answer where the operator has that shown. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | string[]>>;

/** A step of a request's work. */
export interface Span {
  /**
   * Begins a step within this one.
   * @param calls whether it is a call to another system. @default false
   */
  child(name: string, attributes?: SpanAttributes, calls?: boolean): Span;
  /** Begins a step of what has no end, such as an event of a stream: what a request may have of steps, it may have again after a while. */
  part(name: string): Span;
  set(attributes: SpanAttributes): void;
  /** @param error what it failed with */
  end(error?: unknown): void;
  /** For the header of calls to others (https://www.w3.org/TR/trace-context/). */
  readonly traceparent: string;
}

/** Runs what a step is; the step ends with it. @param span absent where it is not traced */
export async function spanned<Value>(span: Span | undefined, run: () => Promise<Value>): Promise<Value> {
  try {
    const value = await run();
    span?.end();
    return value;
  } catch (error) {
    span?.end(error);
    throw error;
  }
}
