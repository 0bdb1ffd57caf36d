/** Where the words of a query stand in a text. */
import { describe, expect, test } from 'vitest';
import { highlighter } from '#subgraphs/vector/search/highlights.ts';

/** The pieces, each match between brackets. */
function marked(query: string, text: string, { most = 3, around = 20 } = {}): string[] {
  return highlighter(query)(text, most, around).map((piece) => {
    expect(text.slice(piece.start, piece.end)).toBe(piece.text);
    let [shown, at] = ['', piece.start];
    for (const { start, end } of piece.matches) {
      shown += `${text.slice(at, start)}[${text.slice(start, end)}]`;
      at = end;
    }
    return shown + text.slice(at, piece.end);
  });
}

test.each([
  [
    'any form of a word',
    'retry',
    'A request that retries, or retried once.',
    ['A request that [retries], or [retried] once.'],
  ],
  ['capitals and accents', 'garcia', 'Written by GARCÍA.', ['Written by [GARCÍA].']],
  ['what is glued together, as a whole', 'cache', 'Use `--no-cache=true` here.', ['Use `--[no-cache=true]` here.']],
  ['camelCase written apart', 'no cache', 'setNoCache()', ['[setNoCache]()']],
  ['versions', '1.2.3', 'Since v1.2.3, not 7.8.9.', ['Since [v1.2.3], not 7.8.9.']],
  ['the beginning of the last word', 'back-off expon', 'It grows exponentially.', ['It grows [exponentially].']],
  ['Chinese by pairs', '集群', '这是一个集群配置。', ['这是一个[集群]配置。']],
  ['Japanese', '東京', '私は東京都に住む', ['私は[東京]都に住む']],
  ['full width, as it is written', 'abc', 'das ＡＢＣ', ['das [ＡＢＣ]']],
  ['signs that belong to a word', 'c++', 'Written in C++, mostly.', ['Written in [C++], mostly.']],
  ['no mark around a word', 'jitter', '(jitter), “jitter”!', ['([jitter]), “[jitter]”!']],
  ['emoji beside it', 'jitter', '🎲🎲 jitter 🎲', ['🎲🎲 [jitter] 🎲']],
  ['nothing where no word stands', 'absent', 'Nothing of that.', []],
  ['nothing of an empty text', 'x', '', []],
  ['words that are left out of a query', 'how the retry', 'How the gateway is built.', []],
])('finds %s', (_, query, text, expected) => {
  expect(marked(query, text)).toEqual(expected);
});

test('the best pieces first: those with most of the different words', () => {
  const filler = 'and so it goes on for quite a while longer '.repeat(5);
  const text = `A retry here. ${filler}A retry retry retry there. ${filler}A retry with jitter at last.`;
  expect(marked('retry jitter', text, { most: 1 })).toEqual([
    'it goes on for quite a while longer A [retry] with [jitter] at last.'.slice(-47),
  ]);
  expect(marked('retry jitter', text, { most: 3 })).toHaveLength(3);
});

test('pieces are cut between words, and never within a character', () => {
  const [piece] = marked('needle', `${'haystack '.repeat(9)}needle${' haystack'.repeat(9)}`, { around: 12 });
  expect(piece).toBe('haystack [needle] haystack');
  const [close] = highlighter('needle')(`${'😀'.repeat(9)} needle`, 1, 4);
  // Throws for half a character.
  expect(encodeURIComponent(close!.text)).toContain('needle');
  expect(marked('needle', 'a needle b', { around: 0 })).toEqual(['[needle]']);
});

describe('hostile texts come to an end', () => {
  test.each(['-', '(', '_', '/', '+', '#', 'a.', 'aB', '漢', '🎲', '\u0301', 'é', '\u200b', '=-', '0'])(
    '%j',
    (piece) => {
      const text = piece.repeat(65_536 / piece.length);
      const found = highlighter(`${piece.repeat(20)} needle`)(`needle ${text}`, 10, 1_000);
      expect(found.length).toBeGreaterThan(0);
      for (const { start, end, matches } of found)
        for (const match of matches)
          expect(match.start >= start && match.end <= end && match.start < match.end).toBe(true);
    },
  );
});
