/** The built-in embedder: WordPiece as BERT has it, what it finds, and what it promises of every text. */
import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

import { createBuiltInDriver } from '#subgraphs/inference/drivers/built-in.ts';
import { HashingEmbedder } from '#subgraphs/inference/drivers/hashing/index.ts';
import { STATIC_DIMENSIONS, StaticEmbedder } from '#subgraphs/inference/drivers/static/index.ts';
import { readTable, TABLE_DIMENSIONS, type TokenTable } from '#subgraphs/inference/drivers/static/table.ts';
import { basicWords } from '#subgraphs/inference/drivers/static/wordpiece.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { fc } from '#tests/setup/property.ts';

let table: TokenTable;
let embedder: StaticEmbedder;
beforeAll(async () => {
  table = await readTable();
  embedder = new StaticEmbedder(table);
});

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const cosine = (a: string, b: string): number => dot(embedder.embed(a), embedder.embed(b));
const UNKNOWN = 100;
function idsOf(text: string): number[] {
  const ids: number[] = [];
  for (const word of basicWords(text)) if (!table.wordPiece.pieces(word, ids)) ids.push(UNKNOWN);
  return ids;
}

describe('WordPiece', () => {
  // Tokens, and the beginning of the normalised mean, as the tokeniser and the table of the training gave them.
  it.each([
    ['retry with backoff', [2128, 11129, 2007, 2067, 7245], [-0.07716, -0.15289, 0.00615, -0.07826]],
    ['Exponential delay between attempts', [27258, 8536, 2090, 4740], [-0.01036, -0.1972, 0.00651, -0.0408]],
    ['café naïve RÉSUMÉ', [7668, 15743, 13746], [-0.10389, 0.00987, 0.12948, -0.01218]],
    [
      'connection pool for PostgreSQL',
      [4434, 4770, 2005, 2695, 17603, 2015, 4160, 2140],
      [-0.17998, -0.12733, 0.07115, 0.03487],
    ],
    ['向量数据库', [100, 100, 100, 100, 100], [-0.03937, 0.08093, -0.01969, 0.08093]],
  ])('of %j', (text, ids, first) => {
    expect(idsOf(text)).toEqual(ids);
    const mean = new Float64Array(TABLE_DIMENSIONS);
    for (const id of ids)
      for (let at = 0; at < TABLE_DIMENSIONS; at++)
        mean[at]! += table.rows[id * TABLE_DIMENSIONS + at]! * table.scales[id]!;
    const norm = Math.hypot(...mean);
    for (const [at, value] of first.entries()) expect(mean[at]! / norm).toBeCloseTo(value, 4);
  });

  it('cuts at marks and ideographs, drops control characters, and takes no word of more than 100 characters', () => {
    expect(basicWords('a-b_c “d” e\u0000f\u200bg 中文x')).toEqual('a - b _ c “ d ” efg 中 文 x'.split(' '));
    expect(idsOf('a'.repeat(100))).not.toContain(UNKNOWN);
    expect(idsOf('a'.repeat(101))).toEqual([UNKNOWN]);
    expect(idsOf('')).toEqual([]);
  });
});

describe('the built-in embedder', () => {
  it('gives every text a vector of length 1, the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const vector = embedder.embed(text);
        expect(vector).toHaveLength(STATIC_DIMENSIONS);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
        expect(new StaticEmbedder(table).embed(text)).toEqual(vector);
      }),
      { numRuns: 40 },
    );
  });

  it('is the model that stored vectors were made with', () => {
    // These figures are part of `static-384-v1`: when they change, so must the model's name.
    const vector = embedder.embed('Retries need jitter, or clients stampede. Überlast in Zürich, 再試行の間隔');
    const rounded = Array.from(vector, (value) => value.toFixed(5)).join();
    expect(createHash('sha256').update(rounded).digest('hex').slice(0, 16)).toBe('b19a422ebf9b883d');
  });

  it('finds words of like meaning, word forms and misspellings', () => {
    const hashing = new HashingEmbedder();
    expect(dot(hashing.embed('car'), hashing.embed('automobile'))).toBeLessThan(0.1);
    expect(cosine('car', 'automobile')).toBeGreaterThan(0.4);
    const other = cosine('retry with backoff', 'parse yaml files');
    expect(cosine('retry with backoff', 'wait longer after each failed attempt')).toBeGreaterThan(other + 0.1);
    expect(cosine('connection pooling', 'connecton poolng')).toBeGreaterThan(0.3);
  });

  // Sentences and each with an edit, as revisions of a text are; other sentences are not to come before.
  it.each([
    [
      'Chinese',
      [
        '数据库连接失败时应当重试',
        '向量搜索比较所有的文档',
        '用户可以删除自己的记录',
        '服务器每天备份一次数据',
        '请先安装最新版本的软件',
      ],
      [
        '数据库连接失败时需要重试',
        '向量搜索会比较全部文档',
        '用户能够删除自己的记录',
        '服务器每周备份一次数据',
        '请安装最新版的软件',
      ],
    ],
    [
      'Japanese',
      [
        '接続に失敗したら再試行します',
        'ベクトル検索はすべての文書を比べます',
        '利用者は自分の記録を消せます',
        'サーバーは毎日バックアップを取ります',
        '最新版をインストールしてください',
      ],
      [
        '接続が失敗した場合は再試行する',
        'ベクトル検索で全文書を比べる',
        '利用者が自分の記録を消す',
        'サーバーが毎週バックアップを取る',
        '最新の版をインストールする',
      ],
    ],
    [
      'Korean',
      [
        '연결에 실패하면 다시 시도합니다',
        '벡터 검색은 모든 문서를 비교합니다',
        '사용자는 자신의 기록을 지울 수 있습니다',
        '서버는 매일 백업을 만듭니다',
        '최신 버전을 설치하세요',
      ],
      [
        '연결이 실패하면 다시 시도한다',
        '벡터 검색이 모든 문서를 비교한다',
        '사용자가 자신의 기록을 지운다',
        '서버가 매주 백업을 만든다',
        '최신 버전을 설치한다',
      ],
    ],
    [
      'Thai',
      [
        'ลองใหม่เมื่อการเชื่อมต่อล้มเหลว',
        'การค้นหาเปรียบเทียบเอกสารทั้งหมด',
        'ผู้ใช้ลบบันทึกของตนเองได้',
        'เซิร์ฟเวอร์สำรองข้อมูลทุกวัน',
        'โปรดติดตั้งรุ่นล่าสุด',
      ],
      [
        'ลองอีกครั้งเมื่อการเชื่อมต่อล้มเหลว',
        'การค้นหาจะเปรียบเทียบเอกสาร',
        'ผู้ใช้สามารถลบบันทึกได้',
        'เซิร์ฟเวอร์สำรองข้อมูลทุกสัปดาห์',
        'ติดตั้งรุ่นล่าสุดก่อน',
      ],
    ],
    [
      'Arabic',
      [
        'أعد المحاولة عند فشل الاتصال',
        'يقارن البحث جميع المستندات',
        'يمكن للمستخدم حذف سجلاته',
        'ينسخ الخادم البيانات كل يوم',
        'يرجى تثبيت أحدث إصدار',
      ],
      [
        'تعاد المحاولة عند فشل الاتصال',
        'البحث يقارن كل المستندات',
        'المستخدم يستطيع حذف سجلاته',
        'ينسخ الخادم البيانات كل أسبوع',
        'ثبت أحدث إصدار أولا',
      ],
    ],
    [
      'Russian',
      [
        'Повторите попытку при ошибке соединения',
        'Поиск сравнивает все документы',
        'Пользователь может удалить свои записи',
        'Сервер копирует данные каждый день',
        'Установите последнюю версию',
      ],
      [
        'Попытка повторяется при ошибках соединения',
        'Поиском сравниваются все документы',
        'Пользователи могут удалять свои записи',
        'Сервер копирует данные каждую неделю',
        'Установка последней версии',
      ],
    ],
    [
      'mixed',
      [
        'PostgreSQL 连接失败时应当重试',
        'Qdrant で文書を検索します',
        'Kafka 서버를 설치하세요',
        'Сервер Redis не отвечает',
        'يعمل الخادم على Linux',
      ],
      [
        'PostgreSQL 连接失败需要重试',
        'Qdrant 文書の検索',
        'Kafka 서버를 설치한다',
        'Сервера Redis не отвечают',
        'الخادم يعمل على Linux',
      ],
    ],
  ])('finds the like of %s texts as surely as hashed features alone', (_, texts, edited) => {
    const hashing = new HashingEmbedder();
    const ranks = (embed: (text: string) => Float32Array) =>
      edited.map((text, own) => {
        const query = embed(text);
        const scores = texts.map((candidate) => dot(query, embed(candidate)));
        return scores.filter((score) => score > scores[own]!).length;
      });
    const sum = (all: number[]) => all.reduce((a, b) => a + b, 0);
    const found = ranks((text) => embedder.embed(text));
    expect(sum(found)).toBeLessThanOrEqual(sum(ranks((text) => hashing.embed(text))));
    expect(found.filter((rank) => rank > 0)).toEqual([]);
  });

  it('hashes what is of other scripts alone', () => {
    for (const text of ['数据库连接失败', 'サーバー', '서버', 'เซิร์ฟเวอร์', 'الخادم', 'Сервер', '«—»', ''])
      expect(
        embedder
          .embed(text)
          .subarray(0, TABLE_DIMENSIONS)
          .every((value) => value === 0),
      ).toBe(true);
    const share = (text: string) => Math.hypot(...embedder.embed(text).subarray(0, TABLE_DIMENSIONS)) ** 2;
    expect(share('server')).toBeCloseTo(0.7, 5);
    expect(share('server 服务器服务器')).toBeCloseTo(0.35, 5);
  });

  it('keeps no more than 12 MB for its table', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const { rows, scales } = await readTable();
    const held = process.memoryUsage().arrayBuffers - before;
    expect(rows.byteLength + scales.byteLength).toBeGreaterThan(7_000_000);
    expect(held).toBeLessThan(12_000_000);
  });

  it('says what to do where its table is missing or cut off, and tries again', async () => {
    const folder = pathToFileURL(`${await mkdtemp(join(tmpdir(), 'table-'))}/`);
    const expected = {
      extensions: { code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('hashing-384-v1') as string },
    };
    await expect(StaticEmbedder.open(folder)).rejects.toMatchObject(expected);
    await writeFile(new URL('vocab.txt', folder), '[PAD]\nword\n');
    await writeFile(new URL('scales.f16', folder), Buffer.alloc(4));
    await writeFile(new URL('table.i8', folder), Buffer.alloc(511));
    await expect(StaticEmbedder.open(folder)).rejects.toMatchObject(expected);
    await writeFile(new URL('table.i8', folder), Buffer.alloc(512));
    expect(Math.hypot(...(await StaticEmbedder.open(folder)).embed('word'))).toBeCloseTo(1, 5);
  });

  it('embeds as a driver, each text as alone', async () => {
    const driver = createBuiltInDriver('static-384-v1');
    const { vectors, dimensions } = await driver.embed({ statements: new StatementCounter() }, ['one', 'two words']);
    expect(dimensions).toBe(STATIC_DIMENSIONS);
    expect(vectors).toEqual([embedder.embed('one'), embedder.embed('two words')]);
  });
});
