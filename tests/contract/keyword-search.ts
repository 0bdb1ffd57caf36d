/** What keyword search must find, whatever store ranks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { VECTOR } from '#subgraphs/vector/bounds.ts';
import { requiredWords } from '#subgraphs/vector/keywords/query.ts';
import type { ChunkVector, RankedChunk, VectorDriver } from '#subgraphs/vector/driver.ts';
import { random } from '#tests/setup/random.ts';
import { EACH, haystack, KINDS } from './keyword-haystack.ts';
import { as, MODEL, unitVector, type VectorStoreUnderTest } from './vector-driver.ts';

const FIRST = 5;
const idOf = (place: number): string => `chk_${String(place).padStart(5, '0')}`;

export const chunkOf = (chunkId: string, text: string, title = ''): ChunkVector => ({
  chunkId,
  documentId: chunkId.replace('chk', 'doc'),
  title,
  text,
  source: `notes/${chunkId}.md`,
  collection: 'default',
  mediaType: 'text/markdown',
  metadata: {},
  contentHash: `hash-${chunkId}`,
  vector: unitVector(random(1)),
});

/** Registers the suite. */
export function testKeywordSearch(name: string, setup: () => Promise<VectorStoreUnderTest>): void {
  describe(`keyword search, ${name}`, () => {
    let store: VectorStoreUnderTest;
    let driver: VectorDriver;
    const { texts, needles } = haystack(17);
    const chunks = texts.map((text, place) => chunkOf(idOf(place), text));

    const ranked = async (text: string, limit = FIRST, tenant = 'sentences'): Promise<readonly RankedChunk[]> =>
      (await driver.search(as(tenant), [{ kind: 'KEYWORD', text, limit }]))[0]!.items;
    const found = async (...args: Parameters<typeof ranked>): Promise<string[]> =>
      (await ranked(...args)).map(({ chunkId }) => chunkId.slice('chk_'.length));

    const SENTENCES: Readonly<Record<string, string>> = {
      retry: 'A failed request is retried with exponential backoff and jitter.',
      stream: 'Events arrive in a stream that the client reads until it ends.',
      types: 'Send application/octet-stream for bytes of no known type.',
      packages: 'Install @aws-sdk/client-s3 and @aws-sdk/credential-provider-env beside it.',
      flags: 'docker build --no-cache=true --pull -t app:1.2.3 .',
      code: 'The method getUserById calls find_user_row and HTMLParser in src/lib/user.service.ts:42.',
      people: 'Written by Gabriel García Márquez, Łukasz Żółć and Franz Weißmüller.',
      languages: 'C++ and C# compile on .NET, Node.js does not; v18.20.4 is enough.',
      chinese: '本文介绍检索增强生成的方法。',
      japanese: 'データベースの検索エンジンを設定する。猫',
      korean: '데이터베이스를 검색합니다.',
      thai: 'การค้นหาข้อมูลในฐานข้อมูล',
      arabic: 'البحث في قواعد البيانات مُهِمّ',
      russian: 'Поиск в базе данных, ещё и по словам.',
      mixed: '使用React构建界面，参见 https://react.dev/learn/state#top 。',
      hamlet: 'To be, or not to be, that is the question.',
      answer: 'Whether it is nobler to suffer is not said.',
      mail: 'Write to jane.o’neill+lists@mail.example.co.uk about inter\u00adnational orders.',
      order: 'First the parser, then the lexer.',
      reversed: 'First the lexer, then the parser.',
      automatic: 'Everything is automatically configured.',
    };

    beforeAll(async () => {
      store = await setup();
      driver = store.driver;
      for (let from = 0; from < chunks.length; from += 300)
        await driver.upsert(as('haystack'), chunks.slice(from, from + 300), MODEL);
      await driver.upsert(
        as('sentences'),
        Object.entries(SENTENCES).map(([id, text]) => chunkOf(`chk_${id}`, text)),
        MODEL,
      );
      await store.settle?.();
    });
    afterAll(async () => {
      await store?.close();
    });

    test.each(Object.keys(KINDS))('finds each %s among the first five', async (kind) => {
      const own = needles.filter((needle) => needle.kind === kind);
      expect(own).toHaveLength(EACH);
      const rankings = await driver.search(
        as('haystack'),
        own.map(({ text }) => ({ kind: 'KEYWORD', text, limit: FIRST })),
      );
      const missed = own.filter(({ place }, i) => !rankings[i]!.items.some(({ chunkId }) => chunkId === idOf(place)));
      expect(missed.map(({ text }) => text)).toEqual([]);
    });

    test.each([
      ['octet-stream', 'types'],
      ['octet stream', 'types'],
      ['client-s3', 'packages'],
      ['@aws-sdk', 'packages'],
      ['credential-provider-env', 'packages'],
      ['provider-env', 'packages'],
      ['--no-cache', 'flags'],
      ['no cache', 'flags'],
      ['nocache', 'flags'],
      ['1.2.3', 'flags'],
      ['getUserById', 'code'],
      ['getuserbyid', 'code'],
      ['get user by id', 'code'],
      ['user_row', 'code'],
      ['findUserRow', 'code'],
      ['user.service.ts', 'code'],
      ['src/lib', 'code'],
      ['html parser', 'code'],
      ['garcia', 'people'],
      ['GARCÍA', 'people'],
      ['garci\u0301a', 'people'],
      ['marquez', 'people'],
      ['zolc', 'people'],
      ['weissmuller', 'people'],
      ['c++', 'languages'],
      ['C#', 'languages'],
      ['.NET', 'languages'],
      ['nodejs', 'languages'],
      ['node.js', 'languages'],
      ['18.20.4', 'languages'],
      ['v18', 'languages'],
      ['检索增强', 'chinese'],
      ['生成', 'chinese'],
      ['データベース', 'japanese'],
      ['ﾃﾞｰﾀﾍﾞｰｽ', 'japanese'],
      ['猫', 'japanese'],
      ['데이터베이스', 'korean'],
      ['검색', 'korean'],
      ['ฐานข้อมูล', 'thai'],
      ['البيانات', 'arabic'],
      ['مهم', 'arabic'],
      ['ПОИСК', 'russian'],
      ['еще', 'russian'],
      ['react', 'mixed'],
      ['构建', 'mixed'],
      ['react.dev', 'mixed'],
      ['https://react.dev/learn/state', 'mixed'],
      ['jane.o’neill+lists@mail.example.co.uk', 'mail'],
      ["o'neill", 'mail'],
      ['example.co.uk', 'mail'],
      ['international', 'mail'],
      ['retrying', 'retry'],
    ])('finds %s', async (query, id) => {
      expect((await found(query))[0]).toBe(id);
    });

    test('asks for no word that is not there, and ranks by those that are', async () => {
      expect((await found('how do I retry a failing request without a stampede of clients'))[0]).toBe('retry');
      expect(await found('zzz')).toEqual([]);
      expect(await found('!?')).toEqual([]);
    });

    test('answers queries of words that say nothing', async () => {
      expect((await found('to be or not to be'))[0]).toBe('hamlet');
      expect(await found('the', 50)).not.toEqual([]);
    });

    test('a phrase between quotes must be there, what follows a minus must not', async () => {
      expect(await found('"parser then the lexer"')).toEqual(['order']);
      expect(await found('“lexer, then the PARSER”')).toEqual(['reversed']);
      expect((await found('parser lexer')).sort()).toEqual(['code', 'order', 'reversed']);
      expect((await found('parser -html')).sort()).toEqual(['order', 'reversed']);
      expect(await found('lexer -"the lexer then"')).toEqual(['order']);
      expect(await found('"检索增强"')).toEqual(['chinese']);
      expect(await found('"增强检索"')).toEqual([]);
      expect(await found('"not to be" question')).toEqual(['hamlet']);
      expect((await found('"unbalanced retry'))[0]).toBe('retry');
      expect((await found('-parser'))[0]).toBeOneOf(['order', 'reversed', 'code']);
    });

    test('phrases and what is left out hold where vectors rank, beside a filter too', async () => {
      const nearest = async (query: string, filter?: Condition): Promise<string[]> => {
        const words = requiredWords(query, VECTOR.keywordTerms);
        const { items } = (
          await driver.search(as('sentences'), [
            { kind: 'VECTOR', vector: unitVector(random(1)), model: MODEL.model, limit: 50, words, filter },
          ])
        )[0]!;
        return items.map(({ chunkId }) => chunkId.slice('chk_'.length)).sort();
      };
      const all = Object.keys(SENTENCES).sort();
      const but = (...left: string[]): string[] => all.filter((id) => !left.includes(id));
      expect(await nearest('parser lexer')).toEqual(all);
      expect(await nearest('"parser then the lexer"')).toEqual(['order']);
      expect(await nearest('parser -lexer')).toEqual(but('order', 'reversed'));
      expect(await nearest('lexer -"the lexer then"')).toEqual(but('reversed'));
      expect(await nearest('"the parser" "the lexer" -"parser then"')).toEqual(['reversed']);
      expect(await nearest('"检索增强"')).toEqual(['chinese']);
      expect(await nearest('"o\'neill" \\ -"it\'s"')).toEqual(['mail']);
      const source: Condition = { kind: 'in', column: 'source', values: ['notes/chk_order.md', 'notes/chk_code.md'] };
      expect(await nearest('"the lexer"', source)).toEqual(['order']);
      expect(await nearest('"nothing of the kind"')).toEqual([]);
    });

    test('the last word may be the beginning of one', async () => {
      expect(await found('autom')).toEqual(['automatic']);
      expect((await found('failed backo'))[0]).toBe('retry');
      expect(await found('"autom"')).toEqual([]);
    });

    test('a rare word counts more than a common one, a title more than a text, a short text more than a long one', async () => {
      const texts: [string, string, string][] = [
        ['rare', 'a common common common thing with rarity', ''],
        ['common', 'a common common common thing of others', ''],
        ['other', 'another common thing', ''],
        ['titled', 'a text about things', 'Giraffes'],
        ['told', 'a text about giraffes', 'Things'],
        ['short', 'zebra crossing', ''],
        ['long', `zebra crossing ${'and many words more '.repeat(40)}`, ''],
      ];
      await driver.upsert(
        as('ranks'),
        texts.map(([id, text, title]) => chunkOf(`chk_${id}`, text, title)),
        MODEL,
      );
      const ids = async (query: string): Promise<string[]> => await found(query, FIRST, 'ranks');
      expect((await ids('rarity common'))[0]).toBe('rare');
      expect((await ids('common'))[0]).toBe('common');
      expect(await ids('giraffe')).toEqual(['titled', 'told']);
      expect(await ids('zebra')).toEqual(['short', 'long']);
    });

    test('takes texts that were made to be bad for it', async () => {
      const next = random(5);
      const han = Array.from({ length: 65_536 }, () => String.fromCharCode(0x4e00 + Math.floor(next() * 20_000))).join(
        '',
      );
      const bad = [
        han,
        'ab-'.repeat(21_000),
        'x'.repeat(65_536),
        `${'/a.b_c'.repeat(10_000)}`,
        "'\\'' \\ \u0001default & | ! <-> :* ".repeat(1_000),
        '\ud83d\ude80'.repeat(30_000),
        'e\u0301'.repeat(30_000),
        '- . / @ :'.repeat(5_000),
      ];
      const last = ' endingword';
      const written = bad.map((text, i) => chunkOf(`chk_bad_${i}`, text.slice(0, 65_536 - last.length - 2) + last));
      await driver.upsert(as('bad'), written, MODEL);
      expect((await found("o'brien \\ ' :* <-> & | ! ( ) \u0001default", 10, 'bad')).length).toBeLessThan(9);
      const all = await found('endingword', 20, 'bad');
      // The last words of a text of ever other characters may not fit.
      expect(all.filter((id) => id !== 'bad_0')).toHaveLength(bad.length - 1);
      expect(await found(han.slice(0, 40), 1, 'bad')).toEqual(['bad_0']);
      for (const query of bad) await ranked(query.slice(0, 8_000), 3, 'bad');
    });
  });
}
