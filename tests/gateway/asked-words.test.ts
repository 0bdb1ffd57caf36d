import { describe, expect, test } from 'vitest';
import { askedWords, isIn, shareIn, termsIn } from '#gateway/agents/ask/asked-words.ts';
import { sentencesOf } from '#gateway/agents/ask/passages.ts';

const namesOf = (question: string): string[] =>
  askedWords(question).flatMap(({ isName, wholes, parts }) => (isName ? [wholes[0] ?? parts[0]![0]!] : []));
const share = (question: string, text: string): number => shareIn(termsIn(text), askedWords(question));

describe('the words of a question', () => {
  test('names and numbers are what no answer can do without', () => {
    expect(namesOf('How tall is Mount Everest, and how old was Hillary in 1953?')).toEqual([
      'mount',
      'everest',
      'hillary',
      '1953',
    ]);
    expect(namesOf('Which MySQL does SOURCES_SCANNED_ROWS limit?')).toEqual(['mysql', 'sources_scanned_rows']);
    expect(namesOf('Does Tributary integrate with Salesforce Einstein?')).toEqual([
      'tributary',
      'salesforce',
      'einstein',
    ]);
    // The first word, the caller himself, shouting, and nouns of German have capitals, too.
    expect(namesOf('Retries: how do I limit them?')).toEqual([]);
    expect(namesOf('HOW ARE RETRIES LIMITED?')).toEqual([]);
    expect(namesOf('Wie lange gilt ein Schlüssel ohne Angabe der Dauer?')).toEqual([]);
  });

  test('a word is there in any of its forms', () => {
    expect(share('How are failed requests retried?', 'A request that failed is retried.')).toBe(1);
    expect(share("Where is the primary's log?", 'the log of the primary')).toBe(1);
    expect(share('Does GraphiQL know no-cache?', 'graphiql sends noCache')).toBe(1);
    expect(share('Is MySQL read?', 'My SQLite was read')).toBeLessThan(1);
    expect(share('Wann öffnet das Hafentor?', 'Das Hafentor oeffnet um neun')).toBe(0.5);
    expect(share('港の門はいつ開きますか', '港の門は満潮の二時間前に開きます')).toBeGreaterThan(0.5);
  });

  test('words that say nothing of what is asked are none', () => {
    expect(askedWords('How often does it happen that I need to find that?')).toEqual([]);
    expect(askedWords('')).toEqual([]);
    expect(share('What is it?', 'What is it')).toBe(0);
    expect(isIn(new Set(['a']), { wholes: [], parts: [['b']], isName: false })).toBe(false);
  });
});

describe('the sentences of a passage', () => {
  const told = (text: string): string[] => sentencesOf(text).map((sentence) => sentence.text);

  test('rows of tables are some, and their heads are none', () => {
    const text =
      '# Ports\n\n| port | what for |\n| --- | :-: |\n| 4000 | the gateway \\| its probes |\n| – | 1 |\n\nAfter the table comes this.';
    expect(told(text)).toEqual(['4000 – the gateway | its probes', 'After the table comes this.']);
    for (const { start, end } of sentencesOf(text).slice(0, 1))
      expect(text.slice(start, end)).toBe('| 4000 | the gateway \\| its probes |');
  });

  test('links alone, halves of links and the ends of emphasis are none', () => {
    expect(told('[Options of the matcher](#options)\n\n- [a badge](https://img.example/v?label=a)')).toEqual([]);
    expect(told('**The tide turns.** Ferries wait outside.')).toEqual(['**The tide turns.', 'Ferries wait outside.']);
    expect(told('See [how ferries wait](https://example.org/a) for the gate.')).toHaveLength(1);
  });
});
