/**
 * Real documents: what the installed packages ship, in English, and what four packages of Apache Cordova (Apache-2.0,
 * held at one version) ship in German, Spanish, French, Italian, Japanese, Korean, Polish, Russian and Chinese.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { DocumentInput } from '#ops/ingest/document-input.ts';
import { lookThrough, readFiles } from '#ops/ingest/folder.ts';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { Extraction } from '#subgraphs/shared/extraction/extraction.ts';
import { MarkdownDocument } from '#subgraphs/shared/markdown/document.ts';
import { estimateTokens } from '#subgraphs/shared/tokens.ts';

const extraction = new Extraction();
afterAll(() => extraction.close());

const root = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const PLUGINS = ['camera', 'contacts', 'file', 'inappbrowser'].map((name) => `cordova-plugin-${name}`);
/** Documents of one language's folder, and how many there are. */
const TRANSLATED = { de: 9, es: 9, fr: 9, it: 9, ja: 9, ko: 9, pl: 9, ru: 5, zh: 9 };

interface Page {
  readonly path: string;
  readonly language: string;
  readonly text: string;
}

function pagesBelow(folder: string, depth: number): Page[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry): Page[] => {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory() && depth > 0 && !entry.name.startsWith('.')) return pagesBelow(`${path}/`, depth - 1);
    if (!entry.isFile() || !/\.(md|markdown)$/i.test(entry.name)) return [];
    const language =
      /^cordova-plugin-\w+\/doc\/(\w\w)\//.exec(path)?.[1] ?? (/[._-]zh/i.test(path) ? 'zh-other' : 'en');
    return [{ path, language, text: readFileSync(root + path, 'utf8') }];
  });
}
const pages = pagesBelow('', 3).filter(({ text }) => text.trim() !== '');

test('there are at least 500 of them, in ten languages', () => {
  const counts = Object.fromEntries(
    Object.keys(TRANSLATED).map((language) => [language, pages.filter((page) => page.language === language).length]),
  );
  expect(counts).toEqual(TRANSLATED);
  expect(pages.filter(({ language }) => language === 'en').length).toBeGreaterThan(500);
});

test('titles are those that a reader sees', () => {
  const found = { atx: 0, setext: 0, titled: 0 };
  for (const { path, text } of pages) {
    const { title } = new MarkdownDocument(text);
    if (title !== undefined) {
      found.titled += 1;
      expect(title, path).not.toMatch(/\n|^\s|\s$|\p{Cs}/u);
      expect(title.length, path).toBeLessThanOrEqual(200);
    }
    // Where the first line is a heading of plain words, there is nothing to argue about.
    const [first = '', second = ''] = text
      .replace(/^\uFEFF/, '')
      .trimStart()
      .split(/\r?\n/);
    const plain = /^# +([\p{L}\p{N}][\p{L}\p{N} .,_-]{0,150}[\p{L}\p{N}])$/u.exec(first)?.[1];
    const underlined = /^=+\s*$/.test(second) ? /^[\p{L}\p{N}][\p{L}\p{N} .,-]{0,150}$/u.exec(first)?.[0] : undefined;
    if (plain !== undefined && !/_| {2}/.test(plain)) {
      found.atx += 1;
      expect(title, path).toBe(plain);
    } else if (underlined !== undefined) {
      found.setext += 1;
      expect(title, path).toBe(underlined.trim());
    }
  }
  expect(found.titled / pages.length).toBeGreaterThan(0.9);
  expect(found.atx).toBeGreaterThan(200);
  expect(found.setext).toBeGreaterThan(10);
});

test('every word is in some chunk, and no chunk is over its limits', () => {
  const seen = { chunks: 0, words: 0 };
  for (const { path, text } of pages) {
    const maxTokens = 512;
    const chunks = chunkText(text, 'text/markdown', { maxTokens, title: path });
    seen.chunks += chunks.length;
    for (const chunk of chunks) {
      expect(chunk.length, path).toBeLessThanOrEqual(RELATIONAL.chunkMost);
      expect(estimateTokens(`${path}\n\n${chunk}`), path).toBeLessThanOrEqual(maxTokens);
      expect(chunk, path).not.toMatch(/\p{Cs}/u);
    }
    expect(new Set(chunks).size, path).toBe(chunks.length);
    const written = new Set(chunks.join('\n').match(/\p{L}{3,}/gu));
    const missing = [...new Set(text.match(/(?<![\p{L}\p{N}+/=])\p{L}{3,12}(?![\p{L}\p{N}+/=])/gu))].filter(
      (word) => !written.has(word) && !/\bdata:[a-z]+\//.test(text),
    );
    // A word of a script without spaces may stand on both sides of a cut.
    if (!/^(ja|ko|zh)/.test(pages.find((page) => page.path === path)!.language)) expect(missing, path).toEqual([]);
    seen.words += written.size;
  }
  expect(seen.chunks).toBeGreaterThan(4_000);
  expect(seen.words).toBeGreaterThan(50_000);
});

test('a folder of each package is read whole, and the sites that it names are found', async () => {
  const counts: Record<string, object> = {};
  for (const plugin of PLUGINS) {
    const documents: DocumentInput[] = [];
    for await (const { read } of readFiles(await lookThrough(`${root}${plugin}/doc`), extraction)) {
      if (read === undefined || 'skipped' in read) throw new Error(JSON.stringify(read));
      documents.push(read);
    }
    const relations = documents.flatMap((document) => document.relations);
    counts[plugin] = {
      documents: documents.length,
      files: relations.filter(({ type }) => type === 'LINKS_TO').length,
      sites: [...new Set(relations.filter(({ type }) => type === 'REFERENCES').map(({ to }) => to.name))].length,
    };
  }
  expect(counts).toEqual({
    'cordova-plugin-camera': { documents: 17, files: 0, sites: 5 },
    'cordova-plugin-contacts': { documents: 17, files: 0, sites: 2 },
    'cordova-plugin-file': { documents: 27, files: 0, sites: 8 },
    'cordova-plugin-inappbrowser': { documents: 17, files: 0, sites: 3 },
  });
});
