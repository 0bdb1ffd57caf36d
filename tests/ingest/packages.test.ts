import { fileURLToPath } from 'node:url';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DocumentInput } from '#ops/ingest/document-input.ts';
import { installedPackages, packageDocuments } from '#ops/ingest/packages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('direct dependencies come first, and each package once', async () => {
  const packages = await installedPackages(root);
  const manifest = JSON.parse(await readFile(`${root}/package.json`, 'utf8')) as Record<string, Record<string, string>>;
  const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });

  const lastDirect = packages.findLastIndex((one) => one.direct);
  expect(packages.slice(0, lastDirect + 1).every((one) => one.direct)).toBe(true);
  expect(lastDirect + 1).toBeGreaterThanOrEqual(named.length);
  expect(new Set(packages.map((one) => one.folder)).size).toBe(packages.length);
});

test('a package gives its README with the relations that its manifest states, and its licence', async () => {
  const packages = (await installedPackages(root)).filter((one) => one.folder.endsWith('node_modules/graphql-yoga'));
  expect(packages).toHaveLength(1);
  const manifest = JSON.parse(await readFile(`${packages[0]!.folder}/package.json`, 'utf8')) as {
    license: string;
    dependencies: Record<string, string>;
  };

  const documents: DocumentInput[] = [];
  for await (const item of packageDocuments(packages)) {
    if ('skipped' in item) throw new Error(item.reason);
    documents.push(item);
  }

  const [readme] = documents;
  expect(readme).toMatchObject({
    title: 'graphql-yoga README',
    source: 'npm/graphql-yoga/README.md',
    mediaType: 'text/markdown',
  });
  expect(readme!.relations.filter(({ type }) => type === 'DEPENDS_ON').map(({ to }) => to.name)).toEqual(
    Object.keys(manifest.dependencies),
  );
  expect(readme!.relations).toContainEqual({
    from: { name: 'graphql-yoga', kind: 'package' },
    to: { name: manifest.license, kind: 'license' },
    type: 'LICENSED_UNDER',
  });
});

test('a package whose copy at the root is not installed is read where it is', async () => {
  const project = await mkdtemp(join(tmpdir(), 'tributary-packages-'));
  try {
    const nested = 'node_modules/outer/node_modules/inner';
    for (const path of ['node_modules/outer', nested]) {
      await mkdir(join(project, path), { recursive: true });
      await writeFile(join(project, path, 'package.json'), '{}');
    }
    // `inner` at the root is for development alone, and this is an installation without.
    const packages = {
      '': { dependencies: { outer: '1' } },
      'node_modules/outer': {},
      'node_modules/inner': {},
      [nested]: {},
    };
    await writeFile(join(project, 'package-lock.json'), JSON.stringify({ packages }));
    expect(await installedPackages(project)).toEqual([
      { folder: join(project, 'node_modules/outer'), direct: true },
      { folder: join(project, nested), direct: false },
    ]);
  } finally {
    await rm(project, { recursive: true });
  }
});
