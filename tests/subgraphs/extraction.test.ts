/** The text of files: of each format a real one, and what nobody should send. */
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { strToU8, zipSync, type Zippable } from 'fflate';
import { afterAll, describe, expect, test } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { EXTRACTION } from '#subgraphs/shared/extraction/bounds.ts';
import { Extraction, type ExtractedText } from '#subgraphs/shared/extraction/extraction.ts';

const extraction = new Extraction();
afterAll(() => extraction.close());

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/documents/${name}`, import.meta.url));
const read = (name: string, bytes: Uint8Array | string = fixture(name), mediaType?: string): Promise<ExtractedText> =>
  extraction.read(
    { name, bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, mediaType },
    { tenantId: 'default' },
  );
const whyNot = (name: string, bytes?: Uint8Array | string): Promise<string> =>
  read(name, bytes).then(
    ({ text }) => `it was read: ${text.slice(0, 200)}`,
    (error: Error) => (error.name === 'UnreadableError' ? error.message : String(error)),
  );

describe('each format', () => {
  test('DOCX: styles are headings, lists and tables stay what they are', async () => {
    const { title, text, facts, format } = await read('bees.docx');
    expect({ title, format }).toEqual({ title: 'Keeping bees', format: 'docx' });
    expect(facts).toEqual({ author: 'Ümit Kaya', created: '2026-01-02T03:04:05Z', modified: '2026-01-02T03:04:05Z' });
    expect(text.split('\n\n')).toEqual([
      '# Keeping bees in a city',
      '# The hive',
      'A colony needs a dry box; the entrance faces south-east.',
      '## Tools',
      '- A smoker\n- A veil',
      '| Month | Honey |\n| --- | --- |\n| June | 12 kg \\| comb |',
      '# Winter',
      '\\# Not a heading, but a line that begins with a mark.',
    ]);
  });

  test('PPTX: a heading for each slide, with notes and tables', async () => {
    const { title, text, facts } = await read('tides.pptx');
    expect(title).toBe('Tide tables');
    expect(facts).toMatchObject({ author: 'Mara Lind', slides: 3 });
    expect(text.split('\n\n')).toEqual([
      '## Why the sea rises twice a day',
      'An introduction',
      '## Spring and neap tides',
      '- Sun and moon pull together\n  - at new and full moon',
      'Notes: Mention the estuary of the Severn.',
      '## Slide 3',
      '| Port | Range |\n| --- | --- |\n| Saint-Malo | 13.6 m |',
    ]);
  });

  test('XLSX: a heading for each sheet, dates as dates, empty rows between tables', async () => {
    const { title, text, facts } = await read('orders.xlsx');
    expect(title).toBe('Orders of the bakery');
    expect(facts).toMatchObject({ author: 'Jun Sato', sheets: 3 });
    expect(text.split('\n\n')).toEqual([
      '## Orders 2026',
      '| Order | Customer | Date | Paid |\n| --- | --- | --- | --- |\n' +
        '| 1001 | Café Ölmühle | 2026-02-28 | TRUE |\n| 1002 | Bar \\| Grill | 2026-03-01 07:30:00 | FALSE |',
      '| Total | 2 |\n| --- | --- |',
      '## Suppliers',
      '| Name | Flour |\n| --- | --- |\n| Mühle Nord | type 550 |',
    ]);
  });

  test('PDF: larger lines are headings, lines of a paragraph stay together', async () => {
    const { title, text, facts } = await read('bicycles.pdf');
    expect(title).toBe('The bicycle handbook');
    expect(facts).toMatchObject({ author: 'Noor de Vries', pages: 2 });
    expect(text.split('\n\n')).toEqual([
      '# Repairing bicycles',
      '# Chains',
      expect.stringMatching(/^A worn chain lengthens(?:.|\n)+thousand kilometres\.$/) as string,
      '## Lubrication',
      'Wipe the chain, then put one drop on each roller.',
      '# Brakes',
      'Pads of less than two millimetres are to be replaced.',
    ]);
  });

  test('e-mail: the subject is the title, HTML is preferred, attachments are named', async () => {
    const { title, text, facts } = await read('frost.eml');
    expect(title).toBe('Müller’s greenhouse: frost tonight');
    expect(facts).toMatchObject({
      from: 'Åsa Berg <asa@example.com>',
      messageId: '<frost-1@example.com>',
      attachments: 1,
    });
    expect(text).toContain('# Müller’s greenhouse: frost tonight\n\n- From: Åsa Berg <asa@example.com>\n');
    expect(text).toContain('- Attached: thermostat.pdf');
    expect(text).toContain('## What to do\n\nPlease close the vents before six.');
  });

  test('HTML: headings, links and tables; scripts, styles, menus and bytes are left out', async () => {
    const { title, text, facts, encoding } = await read(
      'a.html',
      Buffer.from(
        `<!doctype html><html lang="de"><head><meta charset="windows-1252"><title>Der K\xe4se</title>
        <meta name="author" content="Eva"><style>p{}</style></head><body><nav>Menu</nav><script>var hidden</script>
        <h1>K\xe4se</h1><p>Ein <a href="b.html">Link</a> <img alt="Bild" src="data:image/png;base64,AAAA"> <a href="javascript:x()">leer</a></p>
        <table><tr><td>A</td><td>B</td></tr><tr><td>1</td><td>2|3</td></tr></table>
        <pre><code class="language-js">let a = 1;</code></pre></body></html>`,
        'latin1',
      ),
    );
    expect({ title, facts, encoding }).toEqual({
      title: 'Der Käse',
      facts: { language: 'de', author: 'Eva' },
      encoding: 'windows-1252',
    });
    expect(text.split('\n\n')).toEqual([
      '# Käse',
      'Ein [Link](b.html) Bild leer',
      '| A | B |\n| --- | --- |\n| 1 | 2\\|3 |',
      '```js\nlet a = 1;\n```',
    ]);
  });

  test.each([
    [
      'lists in lists',
      '<ul><li>a<ul><li>b<li>c</ul><li><p>d</p></ul><ol start=3><li>x<li>y</ol>',
      '- a\n  - b\n  - c\n- d\n\n3. x\n4. y',
    ],
    [
      'code in a list, and quotes',
      '<ul><li>do:<pre>x\n y</pre></ul><blockquote><p>q</p><p>r</blockquote>',
      '- do:\n  ```\n  x\n   y\n  ```\n\n> q\n> r',
    ],
    [
      'a table that arranges the page',
      '<table><tr><td>menu</td><td><h2>News</h2><p>one<table><tr><th>a<th>b<tr><td>1<td>2</table></td></tr></table>end',
      'menu\n\n## News\n\none\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nend',
    ],
    [
      'a cell of several',
      '<table><tr><td colspan=2>wide<td>c<tr><td>1<td>2<td><ul><li>x<li>y</ul></table>',
      '| wide |  | c |\n| --- | --- | --- |\n| 1 | 2 | x y |',
    ],
    [
      'a link around a heading',
      '<a href="a.html"><h2>Go</h2> on</a> <a href="b (1).html">[b]</a><a href="#c">c</a>',
      '## [Go](a.html)\n\n[on](a.html) [\\[b\\]](b%20%281%29.html)c',
    ],
    [
      'text that looks like marks',
      '<p># no</p><p>&lt;div&gt; ---</p><p>a<br>=====</p><code>a*b</code>',
      '\\# no\n\n\\<div> ---\n\na\n\\=====\n\n`a*b`',
    ],
    ['what is never closed', '<h1>One<p>two<li>three<td>four', '# One\n\n# two\n\n- three\n  four'],
  ])('HTML: %s', async (_, html, markdown) => {
    expect((await read('a.html', html)).text).toBe(markdown);
  });

  test.each([
    ['rows', '<table>' + '<tr><td>x<td>y'.repeat(200_000)],
    ['items', '<ul>' + '<li>x<p>y'.repeat(4_000)],
    ['marks in one line', '<p>' + '<b>x</b> <a href=x>y</a> '.repeat(100_000)],
    ['angle brackets', '<'.repeat(1_000_000)],
    ['comments', '<!-- '.repeat(200_000)],
    ['attributes', `<p ${'a=b '.repeat(200_000)}>x`],
    ['spaces', ` x${' '.repeat(1_000_000)}y`],
  ])('HTML of very many %s is read within its time', async (_, html) => {
    expect(await whyNot('a.html', html)).toMatch(/^it (?:was read|holds no text)/);
  });

  test('CSV: by whatever separates it, with quotes and breaks within cells', async () => {
    const { text, facts } = await read('a.csv', 'Name;Note\r\nÜmit;"one\ntwo; ""three"""\r\n\r\nEva;a|b\r\n');
    expect(text).toBe('| Name | Note |\n| --- | --- |\n| Ümit | one two; "three" |\n| Eva | a\\|b |');
    expect(facts).toEqual({ rows: 2 });
  });

  test('JSON: what is nested is under headings, records are tables, numbers stay as they were written', async () => {
    const { text, title } = await read(
      'a.json',
      '{"name":"shop","id":9007199254740993,"owner":{"city":"Graz","tags":["a","b"]},"items":[{"n":1.10,"x":"y"},{"n":2,"z":null}]}',
    );
    expect(title).toBe('shop');
    expect(text).toBe(
      '- name: shop\n- id: 9007199254740993\n\n# owner\n\n- city: Graz\n- tags: a, b\n\n# items\n\n| n | x | z |\n| --- | --- | --- |\n| 1.10 | y |  |\n| 2 |  | null |',
    );
    expect((await read('b.json', '// a comment\n{ "a": 1 }')).text).toBe('```json\n// a comment\n{ "a": 1 }\n```');
  });

  test('JSON Lines: a record on each line; lines that are none are kept', async () => {
    const { text, facts } = await read('a.jsonl', '{"a":1,"b":{"c":"d"}}\nnot json\n{"a":2,"title":"Second"}\n');
    expect(facts).toEqual({ records: 2, problem: '1 lines are no JSON.' });
    expect(text).toBe(
      '# [0]\n\n- a: 1\n\n## b\n\n- c: d\n\n# Second\n\n- a: 2\n- title: Second\n\n```json\nnot json\n```',
    );
  });

  test('source code: a heading for each declaration, and all of it in fences', async () => {
    const python = [
      '"""Tides."""',
      'import math',
      '',
      '# How high it is.',
      '@cached',
      'def height(hour):',
      '    """In metres."""',
      '    return math.sin(hour)',
      '',
      'class Port:',
      ...Array.from(
        { length: 30 },
        (_, at) => `    def tide_${at}(self):\n        # comment ${at}\n        return ${at} + 1000000\n`,
      ),
      'print(height(3))',
    ].join('\n');
    const { text, facts } = await read('tides.py', python);
    expect(facts).toEqual({ language: 'python' });
    const headings = [...text.matchAll(/^#{2,3} .*/gm)].map(([line]) => line);
    expect(headings.slice(0, 4)).toEqual([
      '## def height(hour)',
      '## class Port',
      '### def tide_0(self)',
      '### def tide_1(self)',
    ]);
    expect(headings.at(-1)).toBe('## print(height(3))');
    // Every line is there, in its order.
    const lines = text.split('\n').filter((line) => !/^(?:#{2,3} (?!How)|```|$)/.test(line));
    expect(lines).toEqual(python.split('\n').filter((line) => line !== ''));
    const methods = chunkText(text, 'text/markdown').filter((chunk) => chunk.includes('def tide_'));
    expect(methods.length).toBeGreaterThan(2);
    for (const chunk of methods) expect(chunk).toContain('## class Port\n\n');
  });

  test.each([
    [
      'ts',
      'export interface A {\n  b: string;\n  c: number;\n}\nexport const x = 1;\n',
      ['## interface A', '## export const x = 1'],
    ],
    ['go', 'package main\n\nfunc (s *S) M() {\n\treturn\n}\n', ['## func (s *S) M()']],
    ['rs', '#[derive(Debug)]\npub struct S {\n  a: u8,\n}\n', ['## pub struct S']],
    ['java', 'package a;\n/** D. */\npublic class A {\n  void m() {}\n}\n', ['## public class A']],
    ['cpp', '#include <a>\ntemplate <class T>\nT g() {\n  return 1;\n}\n', ['## T g()']],
    ['php', '<?php\nclass B {\n  function m() {}\n}\n', ['## class B']],
    ['js', 'function broken( {\n  if (\n\n', ['## function broken(']],
    ['rb', 'def a\n  1\nend\n', []],
  ])('source code of .%s', async (ending, code, headings) => {
    const { text } = await read(`a.${ending}`, code);
    expect([...text.matchAll(/^## .*/gm)].map(([line]) => line)).toEqual(headings);
    for (const line of code.split('\n')) expect(text).toContain(line);
  });
});

describe('what a file is', () => {
  test('its first bytes are believed before its name', async () => {
    expect((await read('a.bin', fixture('bicycles.pdf'))).format).toBe('pdf');
    expect((await read('a', fixture('tides.pptx'), 'application/octet-stream')).format).toBe('pptx');
    expect((await read('a.bin', fixture('orders.xlsx'), 'application/zip')).format).toBe('xlsx');
  });

  test('its media type before its name, where anything reads that', async () => {
    expect((await read('a.txt', '<h1>A</h1>', 'text/html; charset=utf-8')).text).toBe('# A');
    expect((await read('a.json', '{"a":1}', 'application/octet-stream')).format).toBe('json');
    expect((await read('notes', '# A', 'text/markdown')).format).toBe('markdown');
    expect((await read('notes', 'A', 'text/x-anything')).format).toBe('text');
  });

  test.each([
    ['a.exe', 'MZ', 'nothing reads files of its kind'],
    ['a.pdf', 'no such thing', 'it is no PDF'],
    ['a.zip', zipSync({ 'a.txt': strToU8('a') }), 'it is an archive'],
    ['a.docx', zipSync({ 'a.txt': strToU8('a') }), 'it holds no Word document'],
    [
      'old.doc',
      Buffer.from('d0cf11e0a1b11ae10000', 'hex'),
      'protected by a password, or of a version of Office before 2007',
    ],
    ['locked.docx', Buffer.from('d0cf11e0a1b11ae10000', 'hex'), 'protected by a password'],
    ['a.html', ' <p> </p>', 'it holds no text'],
    ['a.eml', '\nJust a line.', 'it has no headers'],
  ])('%s is refused with its reason', async (name, bytes, reason) => {
    expect(await whyNot(name, bytes)).toContain(reason);
  });

  test.each(['locked.pdf', 'scan.pdf'])('%s says what to do', async (name) => {
    expect(await whyNot(name)).toMatch(/protected by a password|no text layer, as a scan has none/);
  });
});

describe('what nobody should send', () => {
  const office = (parts: Record<string, string | Uint8Array>): Uint8Array =>
    zipSync(
      Object.fromEntries(
        Object.entries(parts).map(([name, part]) => [name, typeof part === 'string' ? strToU8(part) : part]),
      ) as Zippable,
    );
  const word = (body: string): Uint8Array =>
    office({
      '[Content_Types].xml':
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
      '_rels/.rels':
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
      'word/document.xml': body,
    });
  const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const sheet = (rows: string, strings = ''): Uint8Array =>
    office({
      'xl/workbook.xml': '<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>',
      'xl/_rels/workbook.xml.rels':
        '<Relationships><Relationship Id="a" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
      'xl/worksheets/sheet1.xml': `${strings}<worksheet><sheetData>${rows}</sheetData></worksheet>`,
    });
  const pdfOf = (...objects: (string | Buffer)[]): Buffer =>
    Buffer.concat([
      Buffer.from('%PDF-1.7\n'),
      ...objects.map((object, at) =>
        Buffer.concat([Buffer.from(`${at + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]),
      ),
      Buffer.from(`trailer << /Root 1 0 R /Size ${objects.length + 1} >>\n%%EOF\n`),
    ]);
  const streamOf = (bytes: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`<< /Length ${bytes.length} /Filter /FlateDecode >>\nstream\n`),
      bytes,
      Buffer.from('\nendstream'),
    ]);
  const CATALOG = '<< /Type /Catalog /Pages 2 0 R >>';
  const PAGE =
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> >>';
  const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';

  test.each<[string, string, () => Uint8Array | string, RegExp]>([
    [
      'a file that unpacks to a thousand times its length',
      'a.docx',
      () => office({ 'word/document.xml': new Uint8Array(64 * 1024 * 1024) }),
      /unpacks to more than 200 times its length/,
    ],
    [
      'many that do together',
      'a.xlsx',
      () =>
        office(
          Object.fromEntries(
            Array.from({ length: 40 }, (_, at) => [`xl/worksheets/sheet${at}.xml`, new Uint8Array(3 * 1024 * 1024)]),
          ),
        ),
      /unpacks to more than \d+ bytes/,
    ],
    [
      'an archive of ten thousand files',
      'a.pptx',
      () => office(Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`ppt/${at}.xml`, 'x']))),
      /an archive of more than 5000 files/,
    ],
    [
      'an archive that says it is shorter than it is',
      'a.docx',
      () => {
        const bytes = Buffer.from(office({ 'word/document.xml': new Uint8Array(32 * 1024 * 1024) }));
        // Where the central directory has the length: 24 bytes behind its mark.
        const at = bytes.indexOf('PK\u0001\u0002', 0, 'latin1');
        bytes.writeUInt32LE(100, at + 24);
        return bytes;
      },
      /^it (?:cannot be read as DOCX|holds no text)/,
    ],
    ['half an archive', 'a.docx', () => fixture('bees.docx').subarray(0, 20_000), /^it cannot be read as DOCX/],
    [
      'XML entities that stand for gigabytes',
      'a.docx',
      () =>
        word(
          `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 12 }, (_, at) => `<!ENTITY a${at} "${`&a${at === 0 ? '' : at - 1};`.repeat(10)}">`).join('')}]><w:document ${W}><w:body><w:p><w:r><w:t>&a11;</w:t></w:r></w:p></w:body></w:document>`,
        ),
      /^it (?:cannot be read as DOCX|holds no text|was read: &a11;)/,
    ],
    [
      'the same in a workbook',
      'a.xlsx',
      () => sheet('<row><c t="inlineStr"><is><t>&a9;</t></is></c></row>', `<!DOCTYPE a [<!ENTITY a9 "aaaaaaaaaa">]>`),
      /^it was read: ## S\s+- &a9;/,
    ],
    [
      'files of the system by an entity',
      'a.xlsx',
      () =>
        sheet(
          '<row><c t="inlineStr"><is><t>&x;</t></is></c></row>',
          '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        ),
      /^it was read: ## S\s+- &x;/,
    ],
    [
      '100,000 tags within each other, in HTML',
      'a.html',
      () => `${'<div>'.repeat(100_000)}deep`,
      /^it is nested too deeply$/,
    ],
    [
      '10,000 within each other, in a Word document',
      'a.docx',
      () =>
        word(
          `<w:document ${W}><w:body>${'<w:sdt><w:sdtContent>'.repeat(10_000)}<w:p/>${'</w:sdtContent></w:sdt>'.repeat(10_000)}</w:body></w:document>`,
        ),
      /nested too deeply|holds no text|cannot be read/,
    ],
    [
      '100,000 lists within each other, in JSON',
      'a.json',
      () => `${'['.repeat(100_000)}1${']'.repeat(100_000)}`,
      /nested too deeply|^it was read/,
    ],
    [
      'a PDF that is cut',
      'a.pdf',
      () => fixture('bicycles.pdf').subarray(0, 700),
      /^it (?:cannot be read as PDF|has no text layer)/,
    ],
    [
      'a PDF whose pages hold themselves',
      'a.pdf',
      () => pdfOf(CATALOG, '<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 100000000 >>'),
      /^it (?:cannot be read as PDF|has no text layer|took longer)/,
    ],
    [
      'a PDF whose drawing draws itself',
      'a.pdf',
      () => {
        const form = deflateSync(Buffer.from('/X Do /X Do BT /F 9 Tf (again and again) Tj ET'));
        return pdfOf(
          CATALOG,
          '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
          PAGE,
          streamOf(deflateSync(Buffer.from('/X Do'))),
          FONT,
          Buffer.concat([
            Buffer.from(
              `<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >> /Length ${form.length} /Filter /FlateDecode >>\nstream\n`,
            ),
            form,
            Buffer.from('\nendstream'),
          ]),
        );
      },
      /^it (?:was read|took longer|cannot be read|has no text)/,
    ],
    [
      'a PDF of which a stream unpacks to 300 megabytes',
      'a.pdf',
      () =>
        pdfOf(
          CATALOG,
          '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
          PAGE,
          streamOf(deflateSync(Buffer.alloc(300 * 1024 * 1024, 0x20), { level: 9 })),
          FONT,
          '<<>>',
        ),
      /^it (?:cannot be read as PDF: it unpacks to more than|took longer|takes more than|has no text layer)/,
    ],
    [
      'a cell in the last column of each of 2,000 rows',
      'a.xlsx',
      () =>
        sheet(
          Array.from(
            { length: 2_000 },
            (_, at) =>
              `<row r="${at + 1}"><c r="${String.fromCharCode(65 + (at % 24))}${String.fromCharCode(65 + (Math.floor(at / 24) % 26))}${String.fromCharCode(65 + (Math.floor(at / 600) % 26))}${at + 1}"><v>${at}</v></c></row>`,
          ).join(''),
        ),
      /^it was read: ## S/,
    ],
    [
      'a message whose parts hold parts',
      'a.eml',
      () =>
        `Subject: deep\n${Array.from({ length: 500 }, (_, at) => `Content-Type: multipart/mixed; boundary="b${at}"\n\n--b${at}\n`).join('')}\nend`,
      /^it (?:cannot be read as an e-mail|was read)/,
    ],
    ['CSV of one quote that never ends', 'a.csv', () => `a,b\n"${'x,\n'.repeat(100_000)}`, /^it was read/],
    [
      'code of 200,000 brackets',
      'a.ts',
      () => '{(['.repeat(70_000),
      /^it (?:was read|is nested too deeply|took longer|takes more than)/,
    ],
  ])(
    '%s costs that file only',
    async (_, name, make, reason) => {
      expect(await whyNot(name, make())).toMatch(reason);
      // Whatever it has cost, the next one is read.
      expect((await read('next.html', '<h1>Next</h1>')).text).toBe('# Next');
    },
    60_000,
  );

  test('a text that is longer than a document may be is cut, and says so', async () => {
    const csv = `a,b\n${'word,word\n'.repeat(400_000)}`;
    const { text, truncated } = await read('a.csv', csv);
    expect(truncated).toBe(true);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RELATIONAL.textBytes);
    expect(Buffer.byteLength(text)).toBeGreaterThan(RELATIONAL.textBytes / 2);
    expect(EXTRACTION.textBytes).toBe(RELATIONAL.textBytes);
  });

  test.each([
    ['a.md', 'markdown', '# Title\n\n', 'Wörter, viele 👩‍👩‍👧 Wörter.\n'],
    ['a.txt', 'text', '', 'Wörter, viele 👩‍👩‍👧 Wörter.\r\n'],
  ])('%s too, at the end of a line, or of a character where there is none', async (name, format, begin, line) => {
    const times = Math.ceil((EXTRACTION.textBytes * 3) / Buffer.byteLength(line));
    const cut = await read(name, begin + line.repeat(times));
    expect(cut).toMatchObject({ format, truncated: true });
    expect(cut.text.endsWith(line)).toBe(true);
    expect(Buffer.byteLength(cut.text)).toBeGreaterThan(EXTRACTION.textBytes - 2 * Buffer.byteLength(line));
    expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(EXTRACTION.textBytes);

    const oneLine = await read(name, `${begin}${'👩‍👩‍👧'.repeat(times)}`);
    expect(oneLine.text.endsWith('👩‍👩‍👧')).toBe(true);
    expect(Buffer.byteLength(oneLine.text)).toBeGreaterThan(EXTRACTION.textBytes - 100);
    const fits = `${begin}${'a'.repeat(EXTRACTION.textBytes - begin.length)}`;
    expect(await read(name, fits)).toMatchObject({ text: fits });
    expect(await read(name, fits)).not.toHaveProperty('truncated');
    expect(Buffer.byteLength((await read(name, `${fits}b`)).text)).toBe(EXTRACTION.textBytes);
  });

  test('files that are too long are not begun', async () => {
    expect(await whyNot('a.json', Buffer.alloc(EXTRACTION.textFileBytes + 1, 0x20))).toContain('bytes long; at most');
  });

  test('what takes too long is ended', async () => {
    await using hasty = { it: new Extraction({ ms: 1 }), [Symbol.asyncDispose]: () => hasty.it.close() };
    const file = { name: 'a.html', bytes: Buffer.from('<h1>A</h1>') };
    await expect(hasty.it.read(file, { tenantId: 'default' })).rejects.toThrow('it took longer than 1 ms');
  });
});
