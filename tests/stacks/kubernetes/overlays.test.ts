/**
 * What is printed of the chart for Kustomize, and what comes of each overlay, by Kustomize itself. `-u` prints both anew: twice, since the second is made
 * of the first.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { GOLDEN, KUBERNETES, rendered, tell, TOOLS, validated, VERSIONS } from './tools.ts';

const COMPONENTS = { autoscaling: 'availability', monitoring: 'metrics', ingress: 'route' };
const OVERLAYS = ['air-gapped', 'dev', 'production'];
const base = ['--values', join(KUBERNETES, 'base/values.yaml')];
const build = (overlay: string) => tell(TOOLS!.kustomize, ['build', join(KUBERNETES, 'overlays', overlay)]);

describe.skipIf(TOOLS === undefined)('overlays (TEST_KUBERNETES)', { timeout: 120_000 }, () => {
  test('the base is what the chart makes of its values', async () =>
    await expect(rendered(TOOLS!.helm3, ...base)).toMatchFileSnapshot(join(KUBERNETES, 'base/printed.yaml')));

  test.each(Object.entries(COMPONENTS))('and so is %s', async (component, template) => {
    const folder = join(KUBERNETES, 'components', component);
    const values = [...base, '--values', join(folder, 'values.yaml'), '--show-only', `templates/${template}.yaml`];
    await expect(rendered(TOOLS!.helm3, ...values)).toMatchFileSnapshot(join(folder, 'printed.yaml'));
  });

  test.each(OVERLAYS)('%s', async (overlay) => {
    const { status, output, errors } = build(overlay);
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    await expect(output).toMatchFileSnapshot(join(GOLDEN, `overlay-${overlay}.yaml`));
  });

  test.each(VERSIONS)('Kubernetes %s knows all of it', (version) => {
    const { status, output, errors } = validated(
      version,
      OVERLAYS.map((overlay) => build(overlay).output),
    );
    expect({ status, output, errors }).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^\d{2,} checked, 0 wrong/),
    });
  });
});
