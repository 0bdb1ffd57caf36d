/** The demo: what the packages that this very project has installed say of themselves. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentInput, EntityName, Skipped } from './document-input.ts';
import { INGEST } from './bounds.ts';

/** The collection that the demo is in. */
export const DEMO_COLLECTION = 'demo';

interface Manifest {
  name: string;
  version: string;
  description: string | undefined;
  license: string | undefined;
  keywords: string[];
  dependencies: string[];
}

/** One package to read. */
export interface InstalledPackage {
  /** Folder of the package. */
  folder: string;
  /** Whether the project names it itself; these are ingested before the server is ready. */
  direct: boolean;
}

/**
 * The packages of the lock file that are installed, direct dependencies first, each name once (of the copies that are
 * there, the one nearest the root).
 * @param root the project's folder
 */
export async function installedPackages(root: string): Promise<InstalledPackage[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: object; devDependencies?: object; optionalDependencies?: object }>;
  };
  const own = lock.packages[''] ?? {};
  const direct = new Set(Object.keys({ ...own.dependencies, ...own.devDependencies, ...own.optionalDependencies }));
  const found = new Map<string, string>();
  for (const path of Object.keys(lock.packages)
    .filter((key) => key !== '')
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (found.has(name)) continue;
    const folder = join(root, path);
    // Optional packages of other platforms are in the lock file and not on the disk, and so are those for development alone.
    if (await isFile(join(folder, 'package.json'))) found.set(name, folder);
  }
  const packages = [...found].map(([name, folder]): InstalledPackage => ({ folder, direct: direct.has(name) }));
  return packages.sort((a, b) => Number(b.direct) - Number(a.direct));
}

/** The README and the licence of each package, with its dependencies, licence and keywords as relations. */
export async function* packageDocuments(
  packages: readonly InstalledPackage[],
): AsyncGenerator<DocumentInput | Skipped> {
  for (const { folder, direct } of packages) {
    try {
      yield* documentsOf(folder, direct);
    } catch (error) {
      yield { skipped: folder, reason: (error as Error).message };
    }
  }
}

async function* documentsOf(folder: string, direct: boolean): AsyncGenerator<DocumentInput | Skipped> {
  const manifest = await readManifest(folder);
  const self: EntityName = { name: manifest.name, kind: 'package' };
  const files = await readdir(folder);
  const metadata = { package: manifest.name, version: manifest.version, license: manifest.license ?? null, direct };
  const licenseEntity = manifest.license === undefined ? [] : [{ name: manifest.license, kind: 'license' }];

  const readme = await firstText(folder, files, /^readme(\.(md|markdown|txt))?$/i);
  yield {
    title: `${manifest.name} README`,
    source: `npm/${manifest.name}/README.md`,
    collection: DEMO_COLLECTION,
    mediaType: 'text/markdown',
    // A package without a README still has its description, and its place in the graph.
    text:
      readme ??
      `# ${manifest.name}\n\n${manifest.description ?? 'This package has neither a README nor a description.'}\n`,
    metadata: { ...metadata, kind: 'readme', keywords: manifest.keywords },
    entities: [
      {
        ...self,
        properties: {
          version: manifest.version,
          ...(manifest.description === undefined ? {} : { description: manifest.description }),
        },
      },
      ...licenseEntity,
      ...manifest.keywords.map((name) => ({ name, kind: 'keyword' })),
    ],
    relations: [
      ...manifest.dependencies.map((name) => ({ from: self, to: { name, kind: 'package' }, type: 'DEPENDS_ON' })),
      ...licenseEntity.map((to) => ({ from: self, to, type: 'LICENSED_UNDER' })),
      ...manifest.keywords.map((name) => ({ from: self, to: { name, kind: 'keyword' }, type: 'HAS_KEYWORD' })),
    ],
  };

  const license = await firstText(folder, files, /^licen[cs]e([.-][a-z0-9-]+)?(\.(md|txt))?$/i);
  if (license !== undefined) {
    yield {
      title: `${manifest.name} LICENSE`,
      source: `npm/${manifest.name}/LICENSE`,
      collection: DEMO_COLLECTION,
      mediaType: 'text/plain',
      text: license,
      metadata: { ...metadata, kind: 'license' },
      entities: [self, ...licenseEntity],
      relations: [],
    };
  }
}

async function firstText(folder: string, files: readonly string[], pattern: RegExp): Promise<string | undefined> {
  for (const file of files.filter((name) => pattern.test(name)).sort()) {
    const path = join(folder, file);
    const found = await stat(path);
    if (!found.isFile() || found.size === 0 || found.size > INGEST.fileBytes) continue;
    // Some READMEs hold stray bytes; they read as U+FFFD. NUL cannot be stored in PostgreSQL.
    const text = (await readFile(path, 'utf8')).replaceAll('\0', '\uFFFD');
    if (text.trim() !== '') return text;
  }
  return undefined;
}

async function readManifest(folder: string): Promise<Manifest> {
  const json = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { license, keywords, description, dependencies } = json;
  if (typeof json.name !== 'string' || typeof json.version !== 'string')
    throw new Error('package.json has no name or version');
  const licenseName = typeof license === 'string' ? license : (license as { type?: unknown } | undefined)?.type;
  const words = Array.isArray(keywords) ? keywords.filter((word): word is string => typeof word === 'string') : [];
  return {
    name: json.name,
    version: json.version,
    description:
      typeof description === 'string' && description.trim() !== ''
        ? description.slice(0, INGEST.descriptionCharacters)
        : undefined,
    license:
      typeof licenseName === 'string' && licenseName !== ''
        ? licenseName.slice(0, INGEST.licenseCharacters)
        : undefined,
    keywords: [
      ...new Set(
        words.map((word) => word.trim().toLowerCase().slice(0, INGEST.keywordCharacters)).filter((word) => word !== ''),
      ),
    ].slice(0, INGEST.keywords),
    dependencies: Object.keys((dependencies as object | undefined) ?? {}).slice(0, INGEST.links),
  };
}

const isFile = async (path: string): Promise<boolean> =>
  await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
