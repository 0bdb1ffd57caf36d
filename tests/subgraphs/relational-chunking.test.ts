import { fc } from '#tests/setup/property.ts';
import { describe, expect, test } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';

const markdown = (text: string): string[] => chunkText(text, 'text/markdown');
const sentence = (n: number): string =>
  `Sentence number ${n} tells something about retries and about the jitter that keeps clients apart.`;
const prose = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => sentence(from + index)).join(' ');

/** Words, headings, fences and odd characters, in any order. */
const anyText = fc
  .array(
    fc.oneof(
      fc.lorem({ maxCount: 60 }),
      fc.constantFrom(
        '# One',
        '## Two',
        '### Three',
        '```',
        '~~~~',
        '---',
        '===',
        '- item',
        '\r\n',
        '\n\n',
        ' '.repeat(50),
        '😀'.repeat(40),
        '。',
      ),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 0, max: 3000 }).map((length) => 'x'.repeat(length)),
    ),
    { maxLength: 40 },
  )
  .chain((parts) => fc.constantFrom('\n', '\n\n', ' ', '').map((joint) => parts.join(joint)));

describe('any text', () => {
  test('no chunk is empty, too long or ill-formed, and none appears twice', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('text/markdown', 'text/plain'), (text, mediaType) => {
        const chunks = chunkText(text, mediaType);
        for (const chunk of chunks) {
          expect(chunk.trim()).not.toBe('');
          expect(chunk.length).toBeLessThanOrEqual(RELATIONAL.chunkMost);
          expect(chunk).not.toMatch(/\p{Cs}/u);
        }
        expect(new Set(chunks).size).toBe(chunks.length);
      }),
      { numRuns: 300 },
    );
  });

  test('every word is in some chunk, in order', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1, maxLength: 900 });
    fc.assert(
      fc.property(words, fc.constantFrom(' ', '\n', '\n\n', '. ', '\n\n# Head\n\n'), (given, joint) => {
        // Numbered, so that no two are equal.
        const numbered = given.map((word, index) => `${word}${index}`);
        const found = markdown(numbered.join(joint))
          .join(' ')
          .match(/[a-z]+\d+/g);
        expect([...new Set(found)]).toEqual(numbered);
      }),
      { numRuns: 100 },
    );
  });
});

test('short texts are one chunk, blank ones none', () => {
  expect(markdown('Retries need jitter.')).toEqual(['Retries need jitter.']);
  expect(markdown('')).toEqual([]);
  expect(markdown(' \n\t\r\n ')).toEqual([]);
  expect(markdown('\uFEFF# T\r\n\r\nText\r\n')).toEqual(['# T\n\nText']);
});

test('long sections are cut between sentences, and each piece stands under its headings', () => {
  const chunks = markdown(`# Guide\n\n## Retries\n\n${prose(0, 40)}\n\n## Limits\n\n${prose(40, 50)}`);
  expect(chunks.length).toBeGreaterThan(3);
  for (const chunk of chunks) {
    expect(chunk).toMatch(/^# Guide\n\n## (Retries|Limits)\n\nSentence number/);
    expect(chunk).toMatch(/apart\.$/);
  }
  // The sibling's heading is not in force any more.
  expect(chunks.at(-1)).not.toContain('## Retries');
});

test('a heading is never the last thing of a chunk while text follows', () => {
  for (let sentences = 1; sentences < 12; sentences++) {
    for (const chunk of markdown(`${prose(0, sentences)}\n\n# A\n\n## B\n\n${prose(20, 30)}`))
      expect(chunk).not.toMatch(/#+ \w$/);
  }
});

test('small sections share a chunk', () => {
  expect(markdown('# A\n\nOne.\n\n# B\n\nTwo.\n\nC\n=\n\nThree.')).toEqual([
    '# A\n\nOne.\n\n# B\n\nTwo.\n\nC\n=\n\nThree.',
  ]);
});

test('marks within a code fence are no headings, and a fence is kept whole where it fits', () => {
  const code = ['```sh', ...Array.from({ length: 20 }, (_, line) => `# comment ${line}\n\nrun ${line}`), '```'].join(
    '\n',
  );
  const chunks = markdown(`# Real\n\n${prose(0, 8)}\n\n${code}\n\n${prose(8, 16)}`);
  expect(chunks.filter((chunk) => chunk.includes('```sh'))).toEqual([`# Real\n\n${code}`]);
  expect(chunks.at(-1)?.startsWith('# Real\n\nSentence number 8')).toBe(true);
});

test('plain text has no headings', () => {
  const chunks = chunkText(`# no heading\n\n${prose(0, 30)}`, 'text/plain');
  expect(chunks.filter((chunk) => chunk.includes('# no heading'))).toHaveLength(1);
});

test('an edit leaves most chunks as they were', () => {
  const sections = Array.from(
    { length: 30 },
    (_, index) => `## Part ${index}\n\n${prose(index * 10, index * 10 + 10)}`,
  );
  const before = new Set(markdown(['# Book', ...sections].join('\n\n')));
  const after = markdown(
    [
      '# Book',
      ...sections.slice(0, 10),
      '## New\n\nAn added section.',
      sections[10]!.replace('tells', 'told'),
      ...sections.slice(11),
    ].join('\n\n'),
  );
  const fresh = after.filter((chunk) => !before.has(chunk));
  expect(fresh.length).toBeGreaterThan(0);
  expect(fresh.length).toBeLessThanOrEqual(3);
});

test('equal passages appear once', () => {
  const part = `${prose(0, 8)}\n\n`;
  expect(chunkText(`${part}${part}${part}`, 'text/plain')).toEqual(chunkText(part, 'text/plain'));
});

test('two megabytes without a good place to cut are cut all the same', () => {
  // Anything quadratic would run into the test's time-out by far.
  for (const unit of ['x', ' ', '\n', '#', '`', '😀', 'x ', '. ', '# \n', '```\n']) {
    for (const mediaType of ['text/markdown', 'text/plain']) {
      const chunks = chunkText(`${unit.repeat(2 ** 21 / unit.length)}x`, mediaType);
      expect(chunks.length).toBeGreaterThan(0);
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(RELATIONAL.chunkMost);
    }
  }
});
