/**
 * Pairs of names and values as OpenTelemetry's variables hold them: `name=value`, percent-encoded, separated by commas
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables).
 * @returns undefined where it is none
 */
export function readPairs(text: string): Readonly<Record<string, string>> | undefined {
  const pairs: [string, string][] = [];
  for (const item of text.split(',')) {
    if (item.trim() === '') continue;
    const at = item.indexOf('=');
    const name = item.slice(0, Math.max(at, 0)).trim();
    if (name === '') return undefined;
    try {
      pairs.push([decodeURIComponent(name), decodeURIComponent(item.slice(at + 1).trim())]);
    } catch {
      return undefined;
    }
  }
  return Object.fromEntries(pairs);
}
