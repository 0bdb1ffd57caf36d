import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ROOT, roomOf, sourceFiles } from '#ops/architecture/imports.ts';

/*
 * What the documents say of the tree. A file may be named from the project's folder, as a link from its document, or, in
 * a paragraph about a room that is named before it, within that room.
 */

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const files = sourceFiles(['ops', 'gateway', 'subgraphs']);
const ENDING = /\.(ts|mjs|md|svg|png|graphql|yaml|json|js|sql)$/;

interface Naming {
  readonly document: string;
  readonly name: string;
  /** Whether something of that name is where the document says. */
  readonly found: boolean;
}

function namingsOf(document: string): Naming[] {
  const folder = dirname(document);
  const links = [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, name]): Naming => ({
    document,
    name: name!,
    found: existsSync(join(ROOT, folder, name!)),
  }));
  const named = read(document)
    .split(/\n(?=\n|\d+\. |\| |- )/)
    .flatMap((paragraph): Naming[] => {
      // The shape of every subgraph, which may be spoken of without naming one.
      let rooms = ['subgraphs/relational'];
      return [...paragraph.matchAll(/`([\w./@-]+)`/g)].flatMap(([, name]): Naming[] => {
        const whole = existsSync(join(ROOT, name!)) || existsSync(join(ROOT, 'gateway', name!));
        if (whole && name!.includes('/')) {
          rooms = [...rooms, ENDING.test(name!) ? dirname(name!) : name!.replace(/\/$/, '')];
          return [{ document, name: name!, found: true }];
        }
        if (!ENDING.test(name!) && !/^(gateway|subgraphs|ops|tests|examples|docs)\/./.test(name!)) return [];
        return [{ document, name: name!, found: whole || rooms.some((room) => existsSync(join(ROOT, room, name!))) }];
      });
    });
  return [...links, ...named];
}

describe('the documents', () => {
  const decisions = readdirSync(join(ROOT, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'docs/architecture.md',
    'docs/decisions/README.md',
    ...decisions.map((name) => `docs/decisions/${name}`),
  ];

  test('name files that are there', () => {
    const namings = documents.flatMap(namingsOf);
    expect(namings.length).toBeGreaterThan(100);
    expect(namings.filter(({ found }) => !found).map(({ document, name }) => `${document}: ${name}`)).toEqual([]);
  });

  test('list every room in docs/architecture.md', () => {
    const text = read('docs/architecture.md');
    const folders = new Set(files.filter((file) => file.split('/').length > 2).map(roomOf));
    const inner = new Set(files.filter((file) => /^gateway\/execute\/[^/]+\//.test(file)).map((file) => dirname(file)));
    expect([...folders, ...inner].filter((room) => !text.includes(`\`${room}/\``))).toEqual([]);
  });

  test('list every decision, once and in order, with its day', () => {
    const index = read('docs/decisions/README.md');
    const listed = [...index.matchAll(/^\| \[\d+\]\((.+)\) \| (\d{4}-\d\d-\d\d) \| (.+) \|$/gm)];
    expect(listed.map(([, name]) => name)).toEqual([...decisions].sort());
    for (const [, name, day, title] of listed) {
      const number = Number(basename(name!).slice(0, 4));
      expect(read(`docs/decisions/${name}`).split('\n').slice(0, 3)).toEqual([`# ${number}. ${title}`, '', day]);
    }
  });
});
