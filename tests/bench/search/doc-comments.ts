/**
 * Pairs of a sentence and what it sums up, out of the comments of installed packages' type declarations: the first sentence is
 * the question, the rest of the comment what is looked for. The same on every machine that installed by package-lock.json.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

import type { RetrievalSet } from './measure.ts';

const LONGEST_FILE = 3_000_000;
const COMMENT = /\/\*\*((?:[^*]|\*(?!\/))*)\*\//g;

/**
 * @param part `tuning` is of a quarter of the packages, by a digest of their names: fusion and weights were found on it; `test` of the
 *   others. TypeScript's own package is in neither: its comments say the same of each of a thousand interfaces.
 */
export function docComments(nodeModules: string, part: 'tuning' | 'test', most: number): RetrievalSet {
  const answers = new Map<string, string>();
  const seen = new Set<string>();
  for (const file of declarations(nodeModules)) {
    const [scope, name] = relative(nodeModules, file).split(sep);
    const packageName = scope!.startsWith('@') ? `${scope}/${name}` : scope!;
    if (packageName === 'typescript' || isTuning(packageName) !== (part === 'tuning')) continue;
    for (const [, comment] of readFileSync(file, 'utf8').matchAll(COMMENT)) {
      const text = comment!
        .replace(/^\s*\* ?/gm, '')
        .replace(/<[^>]+>/g, ' ')
        .replace(/\n\s*@[\s\S]*/, '')
        .replace(/\s+/g, ' ')
        .trim();
      const [, question, answer] = /^(.{20,200}?\.) (.{60,})$/.exec(text) ?? [];
      if (question === undefined || question.split(' ').length < 4 || seen.has(answer!) || answers.has(question))
        continue;
      seen.add(answer!);
      answers.set(question, answer!.slice(0, 4_000));
    }
  }
  // By digest, so that fewer pairs are of all packages.
  const pairs = [...answers].sort(([a], [b]) => (digest(a) < digest(b) ? -1 : 1)).slice(0, most);
  return {
    documents: pairs.map(([, text], at) => ({ id: `comment${at}`, title: '', text })),
    questions: pairs.map(([text], at) => ({ text, expected: [`comment${at}`] })),
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const isTuning = (name: string): boolean => Number.parseInt(digest(name).slice(0, 2), 16) % 4 === 0;

function* declarations(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* declarations(path);
    else if (entry.name.endsWith('.d.ts') && statSync(path).size <= LONGEST_FILE) yield path;
  }
}
