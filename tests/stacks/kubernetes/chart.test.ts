/** The chart, by Helm itself: what comes of each file of ci/ is golden, and by the API's own schemas. `-u` prints it anew. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { CHART, GOLDEN, rendered, tell, TOOLS, validated, VERSIONS } from './tools.ts';

const VALUES = readdirSync(join(CHART, 'ci')).sort();
const path = (name: string): string => join(CHART, 'ci', name);
const LEAST = ['--values', path('01-least.yaml')];

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** The resources, whatever stands between them. */
const resources = (text: string): Resource[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Resource | null)
    .filter((each) => each !== null)
    .sort((a, b) => `${a.kind} ${a.metadata.name}`.localeCompare(`${b.kind} ${b.metadata.name}`));

describe.skipIf(TOOLS === undefined)('the chart (TEST_KUBERNETES)', { timeout: 120_000 }, () => {
  test('there are ten files of values', () => expect(VALUES.length).toBe(10));

  test.each(VALUES)('%s: what Helm 3 makes of it is as it was, and Helm 4 makes the same', async (name) => {
    const text = rendered(TOOLS!.helm3, '--values', path(name));
    await expect(text).toMatchFileSnapshot(join(GOLDEN, name));
    expect(resources(rendered(TOOLS!.helm4, '--values', path(name)))).toEqual(resources(text));
  });

  test.each(VALUES)('%s: Helm has nothing to say against it', (name) => {
    for (const helm of [TOOLS!.helm3, TOOLS!.helm4]) {
      const { status, output } = tell(helm, ['lint', CHART, '--strict', '--kube-version', '1.34.0', '-f', path(name)]);
      expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('0 chart(s) failed') });
    }
  });

  test.each(VERSIONS)('Kubernetes %s knows all of it', (version) => {
    const { status, output, errors } = validated(
      version,
      VALUES.map((name) => rendered(TOOLS!.helm3, '--values', path(name))),
    );
    expect({ status, output, errors }).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^\d{2,} checked, 0 wrong/),
    });
  });

  test.each([
    ['no Secret', ['--set', 'secrets.existingSecret='], 'Set secrets.existingSecret'],
    [
      'no database',
      ['--set', 'secrets.keys={INTERNAL_TOKEN_SECRET,OBJECT_SIGNING_KEY,API_KEY_PEPPER}'],
      'DATABASE_URL',
    ],
    ['secrets that each makes itself', ['--set', 'secrets.keys={DATABASE_URL}'], 'API_KEY_PEPPER must be among'],
    [
      'files that are gone with a gateway',
      ['--set', 'data.persistence.enabled=false'],
      'Files of objects would be gone',
    ],
    ['files of one gateway, and several', ['--set', 'replicas=2'], 'Several gateways need the same files'],
    ['the same, as many as are needed', ['--set', 'autoscaling.enabled=true'], 'Several gateways need the same files'],
    ['a secret among variables', ['--set', 'config.NEO4J_PASSWORD=x'], 'NEO4J_PASSWORD'],
    ['a variable that the chart sets', ['--set', 'config.PORT=80'], "'PORT'"],
    ['a misspelt value', ['--set', 'replica=3'], 'replica'],
    ['a key that is no secret', ['--set', 'secrets.keys={CHAT_MODEL}'], 'secrets'],
    ['Qdrant without its key', ['--set', 'qdrant.enabled=true'], 'QDRANT_API_KEY'],
    ['alerts without metrics', ['--set', 'metrics.rules.enabled=true'], 'need metrics.enabled'],
    ['two ways in', ['--set', 'ingress.enabled=true,httpRoute.enabled=true'], 'Either ingress or httpRoute'],
    ['no bound that there is', ['--set', 'shutdown.delaySeconds=6000'], 'delaySeconds'],
  ])('refused, with what to set: %s', (_, args, says) => {
    for (const helm of [TOOLS!.helm3, TOOLS!.helm4]) expect(() => rendered(helm, ...LEAST, ...args)).toThrow(says);
  });

  test('a name that is long stays a name', () => {
    const names = resources(rendered(TOOLS!.helm3, ...LEAST, '--set', `fullnameOverride=${'long-'.repeat(30)}`)).map(
      ({ metadata }) => metadata.name,
    );
    expect(names.filter((name) => name.length > 63 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name))).toEqual([]);
  });
});
