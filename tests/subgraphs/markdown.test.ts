import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import { MarkdownDocument } from '#subgraphs/shared/markdown/document.ts';

const folder = new URL('../fixtures/markdown/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .map((name) => name.slice(0, -'.md'.length));
const fixture = (name: string): string => readFileSync(new URL(`${name}.md`, folder), 'utf8');

describe('documents as people write them', () => {
  test('each has its expected reading', () => {
    expect(names.length).toBeGreaterThan(35);
    const readings = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(readings.map((name) => name.slice(0, -'.json'.length))).toEqual(names);
  });

  test.each(names)('%s', (name) => {
    const text = fixture(name);
    const document = new MarkdownDocument(text);
    expect({
      title: document.title ?? null,
      frontMatter: document.frontMatter ?? null,
      headings: document.outline.headings.map((heading) => `${'#'.repeat(heading.level)} ${heading.text}`),
      links: document.outline.links.map(({ kind, target }) => (kind === 'WIKI' ? `[[${target}]]` : target)),
      chunks: chunkText(text, 'text/markdown'),
    }).toEqual(JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')));
  });

  test('line ends change nothing', () => {
    for (const name of names) {
      const lines = fixture(name).replace(/\r\n/g, '\n');
      for (const end of ['\r\n', '\r']) {
        const other = lines.replaceAll('\n', end);
        expect(chunkText(other, 'text/markdown'), name).toEqual(chunkText(lines, 'text/markdown'));
        expect(new MarkdownDocument(other).title, name).toBe(new MarkdownDocument(lines).title);
      }
    }
  });
});

describe('front matter', () => {
  const read = (yaml: string) => new MarkdownDocument(`---\n${yaml}\n---\n\nText.\n`).frontMatter;

  test('that stands for more than it says is refused, and the rest of the document read', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map((key, at) => `${key}: &${key} [${`*${'abcdefghi'[at]},`.repeat(9)}]`),
    ];
    const document = new MarkdownDocument(`---\n${bomb.join('\n')}\n---\n\n# Title\n`);
    expect(document.frontMatter?.data).toEqual({});
    expect(document.frontMatter?.problem).toMatch(/alias/i);
    expect(document.title).toBe('Title');
  });

  test('that a store could not keep is told, not thrown', () => {
    expect(read('a: "x\\0y"')?.problem).toContain('NUL');
    expect(read(`a: ${'x'.repeat(50_000)}`)?.problem).toContain('bytes');
    expect(read(`a: ${'['.repeat(40)}${']'.repeat(40)}`)?.problem).toContain('deep');
    expect(read('- a\n- b')).toBeUndefined();
    expect(read('a: 1\na: 2')?.problem).toMatch(/unique/);
    expect(read('__proto__: {x: 1}')?.data).toEqual(JSON.parse('{"__proto__":{"x":1}}'));
  });
});

describe('front matter in TOML', () => {
  const document = (toml: string) => new MarkdownDocument(`+++\n${toml}\n+++\n\n# Heading\n\nText.\n`);

  test('is read as YAML is', () => {
    const hugo = document(
      'title = "Getting started" # as Hugo has it\ndate = 2026-11-28T10:00:00Z\nday = 2026-11-28\nweight = 10\nbig = 9007199254740993\ntags = ["a", "b"]\n\n[menu.main]\nparent = "docs"',
    );
    expect(hugo.title).toBe('Getting started');
    expect(hugo.frontMatter).toEqual({
      data: {
        title: 'Getting started',
        date: '2026-11-28T10:00:00.000Z',
        day: '2026-11-28',
        weight: 10,
        big: '9007199254740993',
        tags: ['a', 'b'],
        menu: { main: { parent: 'docs' } },
      },
    });
    expect(hugo.outline.headings).toEqual([{ level: 1, text: 'Heading' }]);
    expect(hugo.blocks[0]?.text).toMatch(/^\+\+\+\ntitle = "Getting started"/);
  });

  test('that cannot be read is told, and costs nothing else', () => {
    expect(document('title = ').frontMatter?.problem).toMatch(/\(line 1\)/);
    expect(document('title = ').title).toBe('Heading');
    expect(document(`a = ${'['.repeat(40)}${']'.repeat(40)}`).frontMatter?.problem).toBeDefined();
    expect(new MarkdownDocument('+++\n\n*not* TOML\n\n+++\n').frontMatter).toBeUndefined();
    expect(new MarkdownDocument('+++ x\n').frontMatter).toBeUndefined();
  });
});

describe('prose', () => {
  const proseOf = (text: string): string[] => new MarkdownDocument(text).prose(100);

  test('is what the parser takes for paragraphs, whatever they stand in', () => {
    expect(
      proseOf(
        [
          'Name\n-',
          'Press <kbd>Ctrl</kbd>, set max_pool_size. See https://x.example/a_b.',
          '> [!NOTE]\n> Mind the gap.',
          '1. One\n   ~~~\n   code\n   ~~~\n2. Two `a|b`',
          '<p align="center">Some <b>bold</b> text.</p>\n<pre>code</pre><h2>Heading</h2>',
          '<details><summary>More</summary>',
          'What is folded.',
          '</details>',
          '| a | b |\n|---|---|\n| c | d |',
          '[ref]: http://x\nText after [ref] and [[Wiki Page|label]].',
        ].join('\n\n'),
      ),
    ).toEqual([
      'Press Ctrl, set max_pool_size. See https://x.example/a_b.',
      'Mind the gap.',
      'One',
      'Two a|b',
      'Some bold text.',
      'More',
      'What is folded.',
      'Text after ref and label.',
    ]);
  });

  test('of nested HTML is bounded', () => {
    for (const unit of ['<div>', '<table><tr><td>']) {
      const text = `Before.\n\n${unit.repeat(300_000 / unit.length)}\n\nAfter.`;
      expect(proseOf(text)).toEqual(expect.arrayContaining(['Before.', 'After.']));
    }
  });
});

test('two megabytes of marks are read, and their nesting is bounded', () => {
  // Anything quadratic would run into the test's time-out by far, and a recursion without bounds into the stack's end.
  const units = [
    '[',
    '*',
    '> ',
    '- ',
    '|',
    '_a ',
    '![',
    '[](b)',
    '[x][',
    '<h1>',
    '<a ',
    '<!--',
    '```a\n\n# h\n\n',
    '[[a',
    'http://a.b ',
  ];
  const tables = `|${'a|'.repeat(128)}\n|${'-|'.repeat(128)}\n${'|\n'.repeat(512)}\n`;
  const deep = Array.from({ length: 2_000 }, (_, depth) => `${'  '.repeat(depth % 500)}- a\n`).join('');
  for (const unit of [...units, tables, deep, '>'.repeat(60) + ' a\n']) {
    const document = new MarkdownDocument(`${unit.repeat(Math.ceil(2 ** 21 / unit.length))}\n\nend`);
    expect(document.outline.headings.length).toBeLessThan(20_000);
    const written = document.blocks.map(({ text }) => text).join('\n');
    expect(written.endsWith('end')).toBe(true);
  }
}, 120_000);
