/** The product as few JavaScript files and what they read: nothing is installed nor compiled when it starts. */
import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe } from '#gateway/supergraph/findings.ts';
import { hashOf, writeCache } from '#gateway/supergraph/composition-cache.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import { addresses, bundleName, CODE, startedPrograms } from './addresses.ts';
import { COMMANDS, NATIVE } from './commands.ts';
import { licencesOf, packagesOf, type BundledPackage } from './licences.ts';
import { copyNativePackages } from './native.ts';
import { assertOneGraphql, oneGraphql } from './one-graphql.ts';

/** What runs first in every command. */
const ENVIRONMENT = 'ops/build/environment.ts';

/** CommonJS packages among the bundled ones expect these. */
const COMMONJS = [
  `import { createRequire as $createRequire } from 'node:module';`,
  `const require = $createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`,
].join('');

/**
 * Builds the product of a checkout.
 * @param root the project's folder, with its packages installed
 * @param out the folder that it is in afterwards; replaced as a whole once everything is there
 * @returns the packages that are in it, but for those that were copied
 */
export async function buildProduct(root: string, out: string): Promise<BundledPackage[]> {
  const draft = `${out}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const copied = new Set<string>(['LICENSE']);
  const metafile = await bundle(root, join(draft, CODE), copied);
  assertOneGraphql(metafile);
  const packages = await packagesOf(root, metafile);
  await writeFile(join(draft, 'THIRD_PARTY_LICENSES.txt'), await licencesOf(packages));
  for (const path of copied) await copy(join(root, path), join(draft, path));
  for (const name of Object.keys(COMMANDS)) {
    const file = join(draft, `${name}.mjs`);
    await writeFile(
      file,
      `#!/usr/bin/env node\nimport './${CODE}/${bundleName(ENVIRONMENT)}.mjs';\nawait import('./${CODE}/${name}.mjs');\n`,
    );
    await chmod(file, 0o755);
  }
  await writeManifest(root, draft);
  await copySupergraph(root, draft);
  await copyNativePackages(root, draft);
  await rm(out, { recursive: true, force: true });
  await rename(draft, out);
  return packages;
}

async function bundle(root: string, outdir: string, copied: Set<string>): Promise<Metafile> {
  const programs = [...startedPrograms(root), ENVIRONMENT];
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { ...COMMANDS, ...Object.fromEntries(programs.map((path) => [bundleName(path), path])) },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // Code that several programs have is in one file of its own, so that a process has it once.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    banner: { js: COMMONJS },
    external: ['tsx', 'tsx/*', ...NATIVE],
    plugins: [oneGraphql(root), addresses(root, new Set(programs), copied)],
  });
  return metafile;
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true });
}

/** What says that these are modules, and which Node they need. */
async function writeManifest(root: string, out: string): Promise<void> {
  const { name, version, license, engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const manifest = { name, version, private: true, license, type: 'module', engines };
  await writeFile(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The supergraph with its schemas, and composed: composing takes most of a first start. */
async function copySupergraph(root: string, out: string): Promise<void> {
  const file = 'supergraph.yaml';
  await copy(join(root, file), join(out, file));
  const { subgraphs } = await readSupergraphFile(join(root, file), {});
  for (const { schema } of subgraphs)
    if ('file' in schema) await copy(schema.file, join(out, schema.file.slice(root.length)));
  const sources = await Promise.all(subgraphs.map((entry) => loadSchema(entry)));
  const { supergraphSdl, errors } = compose(sources);
  if (supergraphSdl === undefined) throw new Error(errors.map(describe).join('\n'));
  await writeCache(out, { hash: hashOf(sources), supergraphSdl });
}
