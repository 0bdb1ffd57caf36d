/** What reads files of Kubernetes without a cluster: Helm 3 and 4, Kustomize, and the schemas of its API and of operators. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { missingPrograms, runClient } from '#tests/stores/provision/clients.ts';
import { goProgram } from '#tests/stores/provision/go-program.ts';
import { NotProvisioned, type Store } from '#tests/stores/provision/store.ts';
import { HELM_3, HELM_4, KUBERNETES_VALIDATE, KUSTOMIZE, OPERATORS } from '#tests/stores/provision/versions.ts';
import { cached, type Workplace } from '#tests/stores/provision/workplace.ts';

/** What the suites read from `TEST_KUBERNETES`, as JSON. */
export interface KubernetesTools {
  readonly helm3: string;
  readonly helm4: string;
  readonly kustomize: string;
  /** A folder of Python's packages, with `kubernetes-validate` among them. */
  readonly python: string;
  /** A folder of definitions of custom resources. */
  readonly definitions: string;
}

export const kubernetes: Store = {
  name: 'kubernetes',
  title: `Helm ${HELM_3.version.slice(1)} and ${HELM_4.version.slice(1)}, Kustomize ${KUSTOMIZE.version.slice(1)}, kubernetes-validate ${KUBERNETES_VALIDATE.version}`,
  suites: ['tests/stacks/kubernetes/chart.test.ts', 'tests/stacks/kubernetes/overlays.test.ts'],
  available: () => missingPrograms('go', 'python3'),
  start: async (workplace) => {
    const tools: KubernetesTools = {
      helm3: await goProgram(workplace, 'helm3', HELM_3),
      helm4: await goProgram(workplace, 'helm4', HELM_4),
      kustomize: await goProgram(workplace, 'kustomize', KUSTOMIZE),
      python: await validator(workplace),
      definitions: await definitions(workplace),
    };
    return { env: { TEST_KUBERNETES: JSON.stringify(tools) }, close: () => Promise.resolve() };
  },
};

/** The validator and what it needs, which pip chooses; it carries the schemas. */
const validator = (workplace: Workplace): Promise<string> =>
  cached(workplace, `kubernetes-validate-${KUBERNETES_VALIDATE.version}`, async (folder) => {
    workplace.say(`pip install kubernetes-validate ${KUBERNETES_VALIDATE.version} (23 MB) …`);
    const requirements = join(workplace.data, 'kubernetes-validate.txt');
    await writeFile(requirements, `kubernetes-validate==${KUBERNETES_VALIDATE.version}\n`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', '--target', folder, '-r', requirements];
    await runClient('python3', pip, { cwd: folder });
  });

/** Of the modules in which operators keep them. */
const definitions = (workplace: Workplace): Promise<string> =>
  cached(workplace, `definitions-${OPERATORS.map(({ version }) => version).join('-')}`, async (folder) => {
    for (const { module, version, sum, files } of OPERATORS) {
      workplace.say(`go mod download ${module} ${version} …`);
      const told = await runClient('go', ['mod', 'download', '-json', `${module}@${version}`], {
        cwd: folder,
        env: { GOWORK: 'off', GO111MODULE: 'on' },
      });
      const { Dir, Sum } = JSON.parse(told.slice(told.indexOf('{')).join('\n')) as { Dir: string; Sum: string };
      if (Sum !== sum) throw new NotProvisioned(`${module}@${version} was to be ${sum}; Go delivered ${Sum}.`);
      for (const file of files) await cp(join(Dir, file), join(folder, file.split('/').at(-1)!));
    }
  });
