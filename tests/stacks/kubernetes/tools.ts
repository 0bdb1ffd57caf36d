import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { cleanEnvironment } from '#tests/ops/program.ts';

import type { KubernetesTools } from '../provision/kubernetes.ts';

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const KUBERNETES = folder('../../../ops/kubernetes/');
export const CHART = `${KUBERNETES}chart`;
export const GOLDEN = folder('golden/');
/** The oldest that the chart lets in, and the newest of which schemas are there. */
export const VERSIONS = ['1.29', '1.37'];
/** CloudNativePG's definitions are in no registry that was found. */
const UNCHECKED = 'Cluster,ScheduledBackup';

/** What `npm run test:stacks` has had; undefined in `npm test`. */
export const TOOLS =
  process.env['TEST_KUBERNETES'] === undefined
    ? undefined
    : (JSON.parse(process.env['TEST_KUBERNETES']) as KubernetesTools);

export interface Told {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

export function tell(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Told {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: cleanEnvironment(env),
    encoding: 'utf8',
    input,
    maxBuffer: 50_000_000,
  });
  if (error) throw error;
  return { status, output: stdout, errors: stderr };
}

/** The chart with values, as Helm would send it. @throws Error what Helm says where it refuses them */
export function rendered(helm: string, ...args: readonly string[]): string {
  // Helm that Go built by itself takes itself for one of an old Kubernetes.
  const place = ['template', 'tributary', CHART, '--namespace', 'tributary', '--kube-version', '1.34.0'];
  const { status, output, errors } = tell(helm, [...place, ...args]);
  if (status !== 0) throw new Error(errors);
  return output;
}

/** Whether the API of this version knows all that is in these texts, and custom resources' definitions all that is in theirs. */
export function validated(version: string, texts: readonly string[]): Told {
  const args = [folder('validate.py'), version, TOOLS!.definitions, UNCHECKED];
  const env = { PYTHONPATH: TOOLS!.python, PYTHONDONTWRITEBYTECODE: '1' };
  return tell('python3', args, env, texts.join('\n---\n'));
}
