/** GraphQL Code Generator's client preset on what the server says of itself; TypeScript then knows what operations answer. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Library } from './library.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PAGE = `import { graphql } from './gql/index.js';
import type { ResultOf } from '@graphql-typed-document-node/core';

export const List = graphql(\`
  query List($first: Int!) {
    documents(first: $first) { nodes { id title createdAt file { size } } }
  }
\`);

export function titles({ documents }: ResultOf<typeof List>): string[] {
  // @ts-expect-error the list is null where its store is down
  documents.nodes;
  const size: number | null | undefined = documents?.nodes[0]?.file?.size;
  const at: string | null | undefined = documents?.nodes[0]?.createdAt;
  return documents === null ? [] : documents.nodes.map(({ title }) => String(title) + String(size) + String(at));
}
`;

export const codeGeneration = (library: () => Library): void => {
  test(
    'GraphQL Code Generator: answers have types, with nulls and scalars as they are',
    { timeout: 120_000 },
    async () => {
      // Packages are found from here, as from a project's own folder.
      await mkdir(join(ROOT, 'node_modules/.cache'), { recursive: true });
      const folder = await mkdtemp(join(ROOT, 'node_modules/.cache/code-generation-'));
      try {
        await mkdir(join(folder, 'src'));
        await writeFile(join(folder, 'src/page.ts'), PAGE);
        await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
        await writeFile(join(folder, 'codegen.ts'), await readFile(new URL('./setup/codegen.ts', import.meta.url)));
        const tool = (path: string, ...args: string[]) =>
          run(process.execPath, [join(ROOT, 'node_modules', path), ...args], {
            cwd: folder,
            timeout: 100_000,
            env: { ...process.env, TRIBUTARY_URL: library().url },
          });
        await tool('@graphql-codegen/cli/cjs/bin.js', '--config', 'codegen.ts');
        const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'es2022'];
        const { stdout } = await tool(
          'typescript/lib/tsc.js',
          ...options,
          '--moduleResolution',
          'bundler',
          'src/page.ts',
        );
        expect(stdout).toBe('');
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
};
