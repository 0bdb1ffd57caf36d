/** W3C Trace Context: version, trace, parent and flags (https://www.w3.org/TR/trace-context/#traceparent-header). */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What a `traceparent` says; undefined for anything else. */
export function readTraceparent(
  given: unknown,
): { readonly traceId: string; readonly spanId: string; readonly flags: string } | undefined {
  const [, traceId, spanId, flags] = (typeof given === 'string' && TRACEPARENT.exec(given)) || [];
  return traceId === undefined ? undefined : { traceId, spanId: spanId!, flags: flags! };
}
