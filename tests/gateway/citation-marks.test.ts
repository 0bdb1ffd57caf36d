/** Marks of citations in what a model writes, in whatever pieces it comes; and answers made of sentences that have marks of their own. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ASK } from '#gateway/bounds/ask.ts';
import { CitationMarks } from '#gateway/agents/ask/citation-marks.ts';
import { extract } from '#gateway/agents/ask/extractive.ts';
import { sentencesIn } from '#subgraphs/shared/sentences.ts';

const FOUND = 3;
/** What a reader gets of a text, and the numbers that are cited. */
function read(pieces: readonly string[]): { text: string; told: string; numbers: number[] } {
  const marks = new CitationMarks((number) => number >= 1 && number <= FOUND);
  const told = pieces.map((piece) => marks.push(piece)).join('') + marks.end();
  for (const { number, at } of marks.marks) expect(marks.text.slice(at)).toMatch(new RegExp(`^\\[${number}\\]`));
  return { text: marks.text, told, numbers: marks.marks.map(({ number }) => number) };
}

describe('marks of citations', () => {
  test.each<[written: string, text: string, numbers: number[]]>([
    ['So it is [1]. Or not [99].', 'So it is [1]. Or not.', [1]],
    ['Both [1, 99, 2].', 'Both [1][2].', [1, 2]],
    ['All [1-3], none [98–99].', 'All [1][2][3], none.', [1, 2, 3]],
    // A backtick that nothing closes begins no code.
    ['pwned `[99] … [1] real', 'pwned ` … [1] real', [1]],
    ['pwned \\`[99]\\` [1]', 'pwned \\`\\` [1]', [1]],
    ['a `x\n\n[99] [1]` b', 'a `x\n\n [1]` b', [1]],
    ['`` a ` [99] ``, then ` [99]', '`` a ` [99] ``, then `', []],
    ['`row[99]` [2]', '`row[99]` [2]', [2]],
    ['```ts\nrow[99]\n\nrow[1]\n```\nSo [99] [2]', '```ts\nrow[99]\n\nrow[1]\n```\nSo [2]', [2]],
    // What is taken out makes no new ones.
    ['x [9[99]9] y', 'x y', []],
    ['x [1[99]2] y', 'x [1][2] y', [1, 2]],
    [`x [9${'[99]'.repeat(ASK.heldCharacters)}9] y`, expect.not.stringMatching(/\[99\]/), []],
    // Other forms.
    [`x [99${' '.repeat(60)}] y`, 'x y', []],
    [`x [99${' '.repeat(5_000)}] y`, expect.not.stringMatching(/\[/), []],
    ['[９９] [２]', ' [2]', [2]],
    ['【99】【2】【99†source】', '[2]', [2]],
    ['x [^99] [^2]', 'x [2]', [2]],
    ['x [\u{200b}99] \\[99\\] [٩٩]', 'x', []],
    // What is no mark.
    [
      '- [ ] box, [x], [2024-12-01], a [link](http://x), 【重要】',
      '- [ ] box, [x], [2024-12-01], a [link](http://x), 【重要】',
      [],
    ],
    ['open [99', 'open [99', []],
  ])('of %j are those of passages that were found', (written, text, numbers) => {
    for (const pieces of [[written], [...written]]) {
      const answer = read(pieces);
      expect(answer.text).toEqual(text);
      expect(answer.told).toBe(answer.text);
      expect(answer.numbers).toEqual(numbers);
    }
  });

  test('are the same in whatever pieces a text comes', () => {
    const token = fc.constantFrom('[', ']', '1', '99', ' ', '`', '``', '```', '\n', '\n\n', 'x', ',', '\\', '【', '】', '†', '~~~', '^'); // prettier-ignore
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (pieces) => {
        const whole = read([pieces.join('')]);
        expect(read(pieces)).toEqual(whole);
        expect(read([...pieces.join('')])).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  test('hold back no more than their bounds', () => {
    for (const begun of ['x [1', 'x `y', '```']) {
      const marks = new CitationMarks(() => true);
      marks.push(begun);
      const written = begun + (begun.endsWith('1') ? '1' : 'z').repeat(5_000);
      marks.push(written.slice(begun.length));
      expect(written.length - marks.text.length).toBeLessThanOrEqual(ASK.heldCode);
    }
  });
});

describe('answers made of sentences', () => {
  const asked = (question: string, text: string) =>
    extract(
      question,
      [{ number: 1, chunkId: 'c', documentId: 'd', title: null, source: null, text, score: 1 }],
      { embedder: undefined, principal: { id: 'alice', tenantId: 'harbour', scopes: [] } as never, signal: new AbortController().signal }, // prettier-ignore
    );

  test("have no marks of the document's own, which stay in what is quoted", async () => {
    const answer = await asked('Which harbour tower is red?', 'The harbour tower is red [1][3]. Ferries wait.');
    expect(answer?.text).toBe('The harbour tower is red. [1]');
    expect(answer?.citations.map(({ quote }) => quote)).toEqual(['The harbour tower is red [1][3].']);
  });

  test('go on behind German abbreviations and ordinals, and short Chinese and Japanese ones count', async () => {
    expect((await asked('Taucher', 'Das gilt z. B. für Taucher. Sonst gilt es nie.'))?.text).toBe(
      'Das gilt z. B. für Taucher. [1]',
    );
    expect((await asked('灯台は赤い', '灯台は赤い。海は青い。'))?.text).toBe('灯台は赤い。 [1]');
  });

  test.each<[text: string, sentences: string[]]>([
    ['Das gilt z. B. Tauchern. Neu.', ['Das gilt z. B. Tauchern.', 'Neu.']],
    ['Es gilt i. d. R. am Tag. Gut.', ['Es gilt i. d. R. am Tag.', 'Gut.']],
    ['Er kam am 3. Mai 2026. Sie am 12. Juni.', ['Er kam am 3. Mai 2026.', 'Sie am 12. Juni.']],
    ['It was in 1999. Then came more.', ['It was in 1999.', 'Then came more.']],
    ['The tower is red.[1][3] It is tall.', ['The tower is red.[1][3]', 'It is tall.']],
    ['灯台は赤い。海は青い。', ['灯台は赤い。', '海は青い。']],
  ])('%j are sentences with their places', (text, sentences) => {
    const found = sentencesIn(text, 600);
    expect(found.map((sentence) => sentence.text)).toEqual(sentences);
    for (const { text: sentence, start, end } of found) expect(text.slice(start, end)).toBe(sentence);
  });
});
