/** Prometheus' text format, read strictly enough to find what a server would refuse. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]?Inf|-?[0-9.e+-]+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;

/**
 * Every value.
 * @throws Error for a line that is none, a metric that is told twice, or one without its type
 */
export function readMetrics(text: string): Sample[] {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  let family = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) {
      if (types.has(name)) throw new Error(`${name} is told twice.`);
      types.set(name, type!);
      family = name;
    }
    if (line.startsWith('#')) continue;
    const [, told, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (told === undefined) throw new Error(`This is no sample: ${line}`);
    if (!told.startsWith(family)) throw new Error(`${told} stands below ${family}.`);
    samples.push({ name: told, labels: readLabels(labels), value: Number(value!.replace('Inf', 'Infinity')) });
  }
  return samples;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`These are no labels: ${text}`);
    labels[match[1]!] = match[2]!;
  }
  return labels;
}

/** The value of the sample that has these labels, beside others; undefined where there is none, or several. */
export function valueOf(
  samples: readonly Sample[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found.length === 1 ? found[0]!.value : undefined;
}
