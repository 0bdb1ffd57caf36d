/** Metrics as Prometheus reads them; loaded only where it does. */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Collected, OfWorker } from './metrics.ts';

type Metric = ResourceMetrics['scopeMetrics'][number]['metrics'][number];

/**
 * https://prometheus.io/docs/instrumenting/exposition_formats/, with the names that Prometheus gives to what comes by OTLP
 * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus): the same
 * rules and dashboards hold for both.
 */
export function prometheusText({ resource, scopeMetrics }: Collected): string {
  const named = scopeMetrics.map(({ scope, metrics }) => ({ scope, metrics: metrics.map(withUnit) }));
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return serializer.serialize({ resource, scopeMetrics: named } as unknown as ResourceMetrics);
}

/** Units that names end in; others, such as `{request}`, are not told. */
const SUFFIXES: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes', '1': '_ratio' };

function withUnit<M extends Metric>(metric: M): M {
  const { name, unit } = metric.descriptor;
  return { ...metric, descriptor: { ...metric.descriptor, name: `${name}${SUFFIXES[unit] ?? ''}`, unit: '' } };
}

/** The same of several processes: each value with the label `worker`. */
export function prometheusTextOfAll(all: readonly OfWorker[]): string {
  const [first] = all;
  if (first === undefined) return '';
  const { resource, scopeMetrics } = first.collected;
  const scope = scopeMetrics[0]?.scope ?? { name: 'tributary' };
  return prometheusText({ resource, scopeMetrics: [{ scope, metrics: [...underOneHeading(all).values()] }] });
}

/** The format has each metric once. */
function underOneHeading(all: readonly OfWorker[]): Map<string, Metric> {
  const byName = new Map<string, Metric>();
  for (const { worker, collected } of all) {
    for (const metric of collected.scopeMetrics.flatMap(({ metrics }) => metrics)) {
      const { name } = metric.descriptor;
      const own = metric.dataPoints.map((point) => ({ ...point, attributes: { ...point.attributes, worker } }));
      byName.set(name, { ...metric, dataPoints: [...(byName.get(name)?.dataPoints ?? []), ...own] } as Metric);
    }
  }
  return byName;
}
