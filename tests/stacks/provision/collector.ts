/** OpenTelemetry's Collector, of its core's components: the suite starts it with its file of ops/observability. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runClient } from '#tests/stores/provision/clients.ts';
import { goProgram, goProgramUnavailable } from '#tests/stores/provision/go-program.ts';
import type { Store } from '#tests/stores/provision/store.ts';
import { COLLECTOR_BUILDER } from '#tests/stores/provision/versions.ts';
import { cached, type Workplace } from '#tests/stores/provision/workplace.ts';

const { version } = COLLECTOR_BUILDER;
const component = (path: string) => ({ gomod: `go.opentelemetry.io/collector/${path} ${version}` });

async function build(workplace: Workplace): Promise<string> {
  const builder = await goProgram(workplace, 'collector-builder', COLLECTOR_BUILDER);
  const folder = await cached(
    workplace,
    `collector-${version}-${process.platform}-${process.arch}`,
    async (made: string) => {
      workplace.say(`collector: ${version} of its core's components …`);
      const parts = {
        dist: { name: 'collector', output_path: made },
        receivers: [component('receiver/otlpreceiver')],
        processors: [component('processor/batchprocessor')],
        exporters: [component('exporter/otlphttpexporter')],
      };
      // YAML has JSON within it.
      await writeFile(join(made, 'parts.yaml'), JSON.stringify(parts));
      await runClient(builder, ['--config', join(made, 'parts.yaml')], { cwd: made });
    },
  );
  return join(folder, 'collector');
}

export const collector: Store = {
  name: 'collector',
  title: `OpenTelemetry Collector ${version.slice(1)}`,
  slow: true,
  suites: ['tests/stacks/observability/collector.test.ts'],
  available: (workplace) => goProgramUnavailable(workplace, 'collector-builder', COLLECTOR_BUILDER),
  start: async (workplace) => ({
    env: { TEST_COLLECTOR: await build(workplace) },
    close: () => Promise.resolve(),
  }),
};
