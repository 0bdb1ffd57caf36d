/** Nothing is measured, loaded or sent unless a variable asks for it. */
import type { Telemetry, TelemetryOptions } from './telemetry.ts';

/** @returns undefined where nothing is asked for */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry | undefined> {
  if (!options.metrics && options.otlp === undefined) return undefined;
  const { OpenTelemetry } = await import('./open-telemetry.ts');
  return new OpenTelemetry(options);
}
