/** The descriptions of installed packages, and their READMEs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { RetrievalSet } from './measure.ts';

/** As much of a README as a chunk takes; its badges and headings are in it, the description as such often too. */
const CHARACTERS = 4_000;

export function readmes(nodeModules: string): RetrievalSet {
  const documents: { id: string; title: string; text: string }[] = [];
  const questions: { text: string; expected: string[] }[] = [];
  const asked = new Set<string>();
  for (const folder of packages(nodeModules)) {
    try {
      const { name, description } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string;
        description?: string;
      };
      const file = readdirSync(folder).find((each) => /^readme(\.md|\.markdown)?$/i.test(each));
      if (name === undefined || file === undefined) continue;
      const text = readFileSync(join(folder, file), 'utf8').slice(0, CHARACTERS).trim();
      if (text.length < 100) continue;
      documents.push({ id: name, title: '', text });
      // A description that many packages share asks for none of them.
      if (description === undefined || description.length < 15 || asked.has(description)) continue;
      asked.add(description);
      questions.push({ text: description, expected: [name] });
    } catch {
      // Not a package.
    }
  }
  return { documents, questions };
}

function* packages(nodeModules: string): Generator<string> {
  for (const name of readdirSync(nodeModules).sort()) {
    if (name.startsWith('.')) continue;
    if (!name.startsWith('@')) yield join(nodeModules, name);
    else for (const inner of readdirSync(join(nodeModules, name)).sort()) yield join(nodeModules, name, inner);
  }
}
