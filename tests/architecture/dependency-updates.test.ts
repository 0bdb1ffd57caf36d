/** What docs/dependencies.md holds back, package.json pins and .github/dependabot.yml leaves alone are the same. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ABOUT_MB } from '#ops/bootstrap/install.mjs';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  overrides: Record<string, unknown>;
}
interface Updates {
  updates: { 'package-ecosystem': string; ignore?: { 'dependency-name': string; versions?: string[] }[] }[];
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const docs = read('docs/dependencies.md');
const ranges = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
const known = [...Object.keys(ranges), ...Object.keys(manifest.overrides)];
const ignored = (parse(read('.github/dependabot.yml')) as Updates).updates.find(
  (update) => update['package-ecosystem'] === 'npm',
)!.ignore!;

/** Whether a name of dependabot.yml, which may end in `*`, means a package. */
const means = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
const held = (name: string): boolean => ignored.some((rule) => means(rule['dependency-name'], name));

test('a package that package.json pins is not offered beyond its pin', () => {
  const pinned = Object.entries(ranges).filter(([, range]) => /^[~\d]/.test(range));
  expect(pinned.map(([name]) => name).filter((name) => !held(name))).toEqual([]);
});

test('a package that docs/dependencies.md holds back for Node is not offered beyond it', () => {
  // "`openai` 6 | … 7 needs Node 22", "`vitest` 4 (5 needs Node 22)": the name before the words.
  const reasons = [...docs.matchAll(/`([^`\n]+)`[^`\n]*?(\d[\d.]*) needs Node 22/g)];
  expect(reasons.length).toBeGreaterThan(4);
  expect(reasons.map(([, name]) => name!).filter((name) => known.includes(name) && !held(name))).toEqual([]);
});

test('what is held is a package of ours, and docs/dependencies.md speaks of it', () => {
  const strange = ignored
    .map((rule) => rule['dependency-name'])
    .filter((pattern) => {
      const family = pattern.replace(/\*$/, '');
      return !known.some((name) => means(pattern, name)) || !docs.includes(`\`${family}`);
    });
  expect(strange).toEqual([]);
});

test('no range of package.json reaches a version that is held back', () => {
  const major = (range: string): number => Number(/\d+/.exec(range)?.[0]);
  const reaching = ignored.flatMap(({ 'dependency-name': pattern, versions = [] }) =>
    Object.entries(ranges)
      .filter(([name, range]) => means(pattern, name) && range.startsWith('^'))
      .filter(([, range]) => versions.some((version) => major(version) <= major(range)))
      .map(([name]) => name),
  );
  expect(reaching).toEqual([]);
});

test('what an installation says that it takes is what it takes', () => {
  const [kilobytes] = execFileSync('du', ['-sk', fileURLToPath(new URL('../../node_modules', import.meta.url))], {
    encoding: 'utf8',
  }).split('\t');
  expect(Number(kilobytes) / 1024 / ABOUT_MB.development).toBeGreaterThan(0.75);
  expect(Number(kilobytes) / 1024 / ABOUT_MB.development).toBeLessThan(1.35);
});
