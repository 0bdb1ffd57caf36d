/** The estimate of tokens, against the tokenisers themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import llama from 'llama-tokenizer-js';
import { describe, expect, test } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { estimateTokens } from '#subgraphs/shared/tokens.ts';

const tiktoken = (ranks: typeof cl100k): ((text: string) => number) => {
  const encoding = new Tiktoken(ranks);
  return (text) => encoding.encode(text, 'all').length;
};
const tokenizers = [
  ['OpenAI’s cl100k_base (text-embedding-3, ada-002)', tiktoken(cl100k)],
  ['OpenAI’s o200k_base', tiktoken(o200k)],
  ['Llama’s SentencePiece (E5-Mistral and others)', (text: string) => llama.encode(text).length],
] as const;

/** Documentation in the languages that a package of Apache Cordova is translated into. */
const translated = ['de', 'es', 'fr', 'it', 'ja', 'ko', 'pl', 'ru', 'zh'].map((language) => {
  const folder = new URL(`../../node_modules/cordova-plugin-file/doc/${language}/`, import.meta.url);
  const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  return [language, texts.join('\n\n').slice(0, 40_000)] as const;
});
const english = readFileSync(new URL('../../node_modules/fast-check/README.md', import.meta.url), 'utf8');
const code = readFileSync(new URL('../../subgraphs/relational/documents/chunking.ts', import.meta.url), 'utf8');
const texts = [...translated, ['en', english], ['code', code]] as const;

describe.each(tokenizers)('%s', (_, count) => {
  test.each(texts)('makes no more tokens of %s than are estimated', (_language, text) => {
    for (let at = 0; at < text.length; at += 500) {
      const piece = text.slice(at, at + 500);
      expect(estimateTokens(piece), piece).toBeGreaterThanOrEqual(count(piece));
    }
    expect(estimateTokens(text)).toBeLessThan(4 * count(text));
  });

  test('takes every chunk with its title, whatever the language and the limit', () => {
    for (const [language, text] of texts) {
      for (const maxTokens of [128, 512]) {
        for (const chunk of chunkText(text, 'text/markdown', { maxTokens, title: 'cordova-plugin-file' })) {
          expect(count(`cordova-plugin-file\n\n${chunk}`) + 2, `${language}: ${chunk}`).toBeLessThanOrEqual(maxTokens);
        }
      }
    }
  });
});

test('a model that takes many tokens changes no chunk', () => {
  for (const [, text] of texts) {
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
