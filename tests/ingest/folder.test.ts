import { copyFile, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DocumentInput, Skipped } from '#ops/ingest/document-input.ts';
import { INGEST } from '#ops/ingest/bounds.ts';
import { lookThrough, readFiles } from '#ops/ingest/folder.ts';
import { EXTRACTION } from '#subgraphs/shared/extraction/bounds.ts';
import { Extraction } from '#subgraphs/shared/extraction/extraction.ts';

let folder: string;
const extraction = new Extraction();
afterAll(() => extraction.close());

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'tributary-ingest-')), 'notes');
  await mkdir(folder);
});
afterEach(async () => {
  await rm(join(folder, '..'), { recursive: true });
});

async function read(name?: string): Promise<{ documents: DocumentInput[]; skipped: Skipped[]; passedOver: string[] }> {
  const looked = await lookThrough(folder, name);
  const documents: DocumentInput[] = [];
  const all: Skipped[] = [...looked.skipped];
  for await (const { read } of readFiles(looked, extraction)) {
    if (read === undefined) continue;
    if ('skipped' in read) all.push(read);
    else documents.push(read);
  }
  return {
    documents,
    skipped: all.filter(({ meant }) => !meant),
    passedOver: all.filter(({ meant }) => meant).map(({ skipped, reason }) => `${skipped}: ${reason}`),
  };
}

describe('a folder of Markdown and text', () => {
  test('gives one document for each file, named by its path, in the order of the paths', async () => {
    await mkdir(join(folder, 'deep'));
    await writeFile(join(folder, 'b.txt'), 'plain');
    await writeFile(join(folder, 'deep', 'a.md'), '# A title\n\nText.');
    await writeFile(join(folder, 'picture.png'), 'not text');

    const { documents, skipped, passedOver } = await read();

    expect(skipped).toEqual([]);
    expect(passedOver).toEqual(['picture.png: a name that ends in .png']);
    expect(documents.map(({ source, title, mediaType }) => ({ source, title, mediaType }))).toEqual([
      { source: 'notes/b.txt', title: 'b.txt', mediaType: 'text/plain' },
      { source: 'notes/deep/a.md', title: 'A title', mediaType: 'text/markdown' },
    ]);
  });

  test('turns links into relations: to files that exist, and to sites', async () => {
    await mkdir(join(folder, 'guide'));
    await writeFile(join(folder, 'guide', 'index.md'), '# Guide');
    await writeFile(join(folder, 'with space.md'), 'spaced');
    await writeFile(
      join(folder, 'start.md'),
      [
        'See [the guide](guide/), [spaced](with%20space.md#part), [gone](missing.md), [itself](start.md), [[with space]],',
        '[mail](mailto:a@b.example), ![picture](guide/index.md) and [a site][site].',
        '',
        '[site]: https://example.org/page?x=1',
        '',
        '```md',
        '[inside a fence](https://fenced.example/)',
        '```',
      ].join('\n'),
    );

    const { documents } = await read();
    const start = documents.find(({ source }) => source === 'notes/start.md');

    const from = { name: 'notes/start.md', kind: 'file' };
    expect(start?.relations).toEqual([
      { from, to: { name: 'notes/guide/index.md', kind: 'file' }, type: 'LINKS_TO' },
      { from, to: { name: 'notes/with space.md', kind: 'file' }, type: 'LINKS_TO' },
      { from, to: { name: 'example.org', kind: 'site' }, type: 'REFERENCES' },
    ]);
  });

  test('follows wiki links by path, or to the nearest page of the name', async () => {
    for (const name of ['a', 'b', 'c']) await mkdir(join(folder, name));
    await writeFile(
      join(folder, 'a', 'Note.md'),
      'See [[b/Note]], [[Only]], [[Missing]], [[x/Note]] and `[[c/Other]]`.',
    );
    await writeFile(join(folder, 'b', 'Note.md'), 'See [[note]] and [[Other]].');
    await writeFile(join(folder, 'b', 'Other.md'), 'See [[a/Note#Part|that]] and [[Note]].');
    await writeFile(join(folder, 'c', 'Other.md'), 'See [[Note]].');
    await writeFile(join(folder, 'c', 'only.markdown'), 'Alone.');

    const { documents } = await read();

    const links = Object.fromEntries(
      documents.map(({ source, relations }) => [source.slice('notes/'.length), relations.map(({ to }) => to.name)]),
    );
    expect(links).toEqual({
      'a/Note.md': ['notes/b/Note.md', 'notes/c/only.markdown'],
      'b/Note.md': ['notes/b/Other.md'],
      'b/Other.md': ['notes/a/Note.md', 'notes/b/Note.md'],
      'c/Other.md': ['notes/a/Note.md'],
      'c/only.markdown': [],
    });
  });

  test('finds files whose names are written in another form of Unicode', async () => {
    const composed = 'Ünïcode – gänzlich.md'.normalize('NFC');
    await writeFile(join(folder, composed.normalize('NFD')), '# Name');
    await writeFile(join(folder, 'start.md'), `[x](<${composed}>), [[${composed.replace('.md', '')}]]`);
    const { documents } = await read();
    expect(documents.find(({ source }) => source === 'notes/start.md')?.relations.map(({ to }) => to.name)).toEqual([
      `notes/${composed}`,
    ]);
    expect(documents.map(({ source }) => source)).toContain(`notes/${composed}`);
  });

  test('keeps what a document says of itself, as it was written, and says what it cannot read', async () => {
    await writeFile(
      join(folder, 'good.md'),
      '---\r\ntitle: >-\r\n  Two\r\n  lines\r\nid: 9007199254740993\r\ndate: 2026-02-30\r\ntags: [a, b]\r\n---\r\n\r\nText.',
    );
    await writeFile(join(folder, 'wrong.md'), '---\ntitle: A: b\n---\n\n# Heading\n');
    const { documents } = await read();
    expect(documents.map(({ title, metadata }) => ({ title, ...metadata }))).toEqual([
      {
        title: 'Two lines',
        path: 'good.md',
        folder: 'notes',
        root: folder,
        sizeBytes: 98,
        format: 'markdown',
        frontMatter: { title: 'Two lines', id: '9007199254740993', date: '2026-02-30', tags: ['a', 'b'] },
      },
      {
        title: 'Heading',
        path: 'wrong.md',
        folder: 'notes',
        root: folder,
        sizeBytes: 31,
        format: 'markdown',
        frontMatterProblem: expect.stringMatching(/line 1/) as string,
      },
    ]);
  });

  test('gives the same documents when only the time of the last change is another', async () => {
    await writeFile(join(folder, 'a.md'), '# A');
    const before = await read();
    await utimes(join(folder, 'a.md'), new Date(0), new Date(86_400_000));
    expect(await read()).toEqual(before);
  });

  test('names what cannot be read, and goes on', async () => {
    await writeFile(join(folder, 'a-invalid.md'), Buffer.from([0x23, 0x20, 0xff, 0x01]));
    await writeFile(join(folder, 'b-nul.txt'), 'a\0b');
    await writeFile(join(folder, 'c-huge.txt'), Buffer.alloc(EXTRACTION.textFileBytes + 1, 0x61));
    await writeFile(join(folder, 'c-long.txt'), Buffer.alloc(EXTRACTION.textBytes + 1, 0x61));
    await writeFile(join(folder, 'd-empty.md'), ' \n');
    await writeFile(join(folder, 'e-good.md'), 'Good.');

    const { documents, skipped, passedOver } = await read();

    expect(documents.map(({ source, metadata }) => [source, metadata['format'], metadata['truncated']])).toEqual([
      ['notes/c-long.txt', 'text', true],
      ['notes/e-good.md', 'markdown', undefined],
    ]);
    expect(passedOver).toEqual(['d-empty.md: empty']);
    expect(skipped).toEqual([
      { skipped: 'a-invalid.md', reason: expect.stringContaining('not valid UTF-8') as string },
      { skipped: 'b-nul.txt', reason: expect.stringContaining('NUL') as string },
      {
        skipped: 'c-huge.txt',
        reason: expect.stringContaining(`at most ${EXTRACTION.textFileBytes} are accepted of`) as string,
      },
    ]);
  });

  test('reads what people have: by its ending and how it begins, with its title, and one that is broken costs no other', async () => {
    const fixtures = new URL('../fixtures/documents/', import.meta.url);
    for (const name of ['bees.docx', 'bicycles.pdf', 'frost.eml', 'locked.pdf', 'orders.xlsx', 'tides.pptx'])
      await copyFile(new URL(name, fixtures), join(folder, name));
    await writeFile(join(folder, 'broken.docx'), 'PK\u0003\u0004 and no more');
    await writeFile(join(folder, 'data.csv'), 'a,b\n1,2\n');
    await writeFile(
      join(folder, 'page.html'),
      '<title>A page</title><h1>Page</h1><a href="bicycles.pdf">The handbook</a>',
    );
    await writeFile(join(folder, 'code.py'), 'def f():\n    x = 1\n    return x\n');
    await writeFile(join(folder, '~$bees.docx'), 'x');
    await writeFile(join(folder, 'package-lock.json'), '{}');
    await writeFile(join(folder, 'a.min.js'), 'x');

    const { documents, skipped, passedOver } = await read();

    expect(documents.map(({ source, title, metadata }) => [source, title, metadata['format']])).toEqual([
      ['notes/bees.docx', 'Keeping bees', 'docx'],
      ['notes/bicycles.pdf', 'The bicycle handbook', 'pdf'],
      ['notes/code.py', 'code.py', 'source'],
      ['notes/data.csv', 'data.csv', 'csv'],
      ['notes/frost.eml', 'Müller’s greenhouse: frost tonight', 'email'],
      ['notes/orders.xlsx', 'Orders of the bakery', 'xlsx'],
      ['notes/page.html', 'A page', 'html'],
      ['notes/tides.pptx', 'Tide tables', 'pptx'],
    ]);
    expect(documents.every(({ mediaType }) => mediaType === 'text/markdown')).toBe(true);
    expect(documents.find(({ title }) => title === 'A page')!.relations).toEqual([
      {
        from: { name: 'notes/page.html', kind: 'file' },
        to: { name: 'notes/bicycles.pdf', kind: 'file' },
        type: 'LINKS_TO',
      },
    ]);
    expect(documents[1]!.metadata).toMatchObject({ properties: { author: 'Noor de Vries', pages: 2 } });
    expect(skipped).toEqual([
      { skipped: 'broken.docx', reason: expect.stringContaining('cannot be read as DOCX') as string },
      { skipped: 'locked.pdf', reason: 'it is protected by a password' },
    ]);
    expect(passedOver).toEqual([
      'a.min.js: written by a program, for programs',
      'package-lock.json: written by a program, for programs',
      '~$bees.docx: what an Office program keeps while a file is open',
    ]);
  });

  test('passes over hidden files and links out of the folder', async () => {
    await writeFile(join(folder, '..', 'outside.md'), 'secret');
    await symlink(join(folder, '..', 'outside.md'), join(folder, 'link.md'));
    await symlink(join(folder, '..'), join(folder, 'up'));
    await writeFile(join(folder, '.hidden.md'), 'hidden');
    await writeFile(join(folder, 'seen.md'), 'seen');

    await mkdir(join(folder, 'node_modules', 'x'), { recursive: true });
    await writeFile(join(folder, 'node_modules', 'x', 'README.md'), '# x');
    await writeFile(join(folder, 'Makefile'), 'all:');

    const { documents, skipped, passedOver } = await read();

    expect(documents.map(({ source }) => source)).toEqual(['notes/seen.md']);
    expect(skipped).toEqual([]);
    expect(passedOver.sort()).toEqual([
      '.hidden.md: hidden',
      'Makefile: a name without an ending',
      'link.md: a link',
      'node_modules/: packages that are installed',
      'up: a link',
    ]);
  });

  test.each([
    ['a-utf16le.md', 'utf-16le', Buffer.from('\ufeff# Straße\r\n\r\nz̈', 'utf16le')],
    ['b-utf16be.md', 'utf-16be', Buffer.from('\ufeff# Straße\r\n\r\nz̈', 'utf16le').swap16()],
    ['c-latin1.md', 'windows-1252', Buffer.from('# Straße\n\nna\xefve \x96 \x80 5', 'latin1')],
    ['d-utf8.md', undefined, Buffer.from('\ufeff# Straße\n')],
  ])('reads %s as what it is', async (name, encoding, bytes) => {
    await writeFile(join(folder, name), bytes);
    const { documents, skipped } = await read();
    expect(skipped).toEqual([]);
    expect(documents).toMatchObject([{ title: 'Straße', text: expect.stringMatching(/^# Straße\r?\n/) as string }]);
    expect(documents[0]!.metadata['encoding']).toBe(encoding);
    if (encoding === 'windows-1252') expect(documents[0]!.text).toBe('# Straße\n\nnaïve – € 5');
  });

  test.each([
    [
      'shift_jis',
      'ミツバチの群れは乾いた箱を必要とする。',
      '837e8363836f836082cc8c5182ea82cd8aa382a282bd94a082f0954b977682c682b782e98142',
    ],
    [
      'euc-jp',
      'ミツバチの群れは乾いた箱を必要とする。',
      'a5dfa5c4a5d0a5c1a4ceb7b2a4eca4cfb4a5a4a4a4bfc8a2a4f2c9accdd7a4c8a4b9a4eba1a3',
    ],
    ['koi8-r', 'Привет мир', 'f0d2c9d7c5d420cdc9d2'],
    ['windows-1251', 'Привет, мир. Как дела у пчёл?', 'cff0e8e2e5f22c20ece8f02e20cae0ea20e4e5ebe020f320eff7b8eb3f'],
    [
      'gb18030',
      '蜂箱要放在干燥的地方，入口朝东南，冬天要防风。',
      'b7e4cfe4d2aab7c5d4dab8c9d4efb5c4b5d8b7bda3acc8ebbfdab3afb6abc4cfa3acb6acccecd2aab7c0b7e7a1a3',
    ],
    [
      'big5',
      '蜂箱要放在乾燥的地方，入口朝東南，冬天要防風。',
      'b8c1bd63ad6ea9f1a662b0aec0eaaabaa661a4e8a141a44aa466b4c2aa46ab6ea141a556a4d1ad6ea8beadb7a143',
    ],
    [
      'euc-kr',
      '벌통은 마른 곳에 두고 입구는 남동쪽을 향하게 한다.',
      'b9fac5ebc0ba20b8b6b8a520b0f7bfa120b5ceb0ed20c0d4b1b8b4c220b3b2b5bfc2cac0bb20c7e2c7cfb0d420c7d1b4d92e',
    ],
    ['iso-2022-jp', '乾いた箱', '1b244234252424243f48221b2842'],
    [
      'iso-8859-2',
      'Pszczoły potrzebują suchego ula, a wejście powinno być od południa; zimą chroń je przed wiatrem i wilgocią, żeby przeżyły.',
      '50737a637a6fb37920706f74727a6562756ab1207375636865676f20756c612c20612077656ab663696520706f77696e6e6f206279e6206f6420706fb375646e69613b207a696db1206368726ff1206a652070727a6564207769617472656d20692077696c676f6369b12c20bf6562792070727a65bf79b3792e',
    ],
  ])('tells %s by its letters', async (encoding, text, hex) => {
    await writeFile(join(folder, 'a.txt'), Buffer.from(hex, 'hex'));
    const { documents, skipped } = await read();
    expect(skipped).toEqual([]);
    expect(documents[0]!.metadata['encoding']).toBe(encoding);
    expect(documents[0]!.text).toBe(text);
  });

  test.each([
    ['Shift JIS', Buffer.from('93fa967b8cea82cc83658358836781423b', 'hex')],
    ['letters of no language', Buffer.from('e001ff80fe02c381d3', 'hex')],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['UTF-16 that is cut', Buffer.from('fffe6100d8', 'hex')],
  ])('says that it cannot read %s, rather than guess', async (_, bytes) => {
    await writeFile(join(folder, 'a.txt'), bytes);
    const { documents, skipped } = await read();
    expect(documents).toEqual([]);
    expect(skipped).toHaveLength(1);
  });

  test('two names that are one to a reader are not taken for one file', async () => {
    await writeFile(join(folder, 'é.md'.normalize('NFC')), 'composed');
    await writeFile(join(folder, 'é.md'.normalize('NFD')), 'decomposed');
    const { documents, skipped } = await read();
    expect(documents.map(({ source }) => source)).toEqual([`notes/${'é.md'.normalize('NFC')}`]);
    expect(skipped).toMatchObject([{ reason: expect.stringContaining('Unicode') as string }]);
  });

  test('its name may be another than its own, and is no path', async () => {
    await writeFile(join(folder, 'a.md'), '[b](b.md)');
    await writeFile(join(folder, 'b.md'), 'b');
    const { documents } = await read('work');
    expect(documents.map(({ source }) => source)).toEqual(['work/a.md', 'work/b.md']);
    expect(documents[0]!.relations).toMatchObject([{ from: { name: 'work/a.md' }, to: { name: 'work/b.md' } }]);
    for (const name of ['', 'a/b', ' a', 'a\nb', 'x'.repeat(INGEST.nameCharacters + 1)])
      await expect(read(name)).rejects.toThrow('--name');
  });

  test('what is no folder is named as what it is', async () => {
    await writeFile(join(folder, 'a.md'), 'text');
    await expect(lookThrough(join(folder, 'a.md'))).rejects.toThrow(/is a file/);
    await expect(lookThrough(join(folder, 'missing'))).rejects.toThrow(/There is no folder/);
  });
});
