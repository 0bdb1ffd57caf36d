/** Extractive summaries: what counts as prose, and which sentences are chosen. */
import { fc } from '#tests/setup/property.ts';
import { describe, expect, it } from 'vitest';
import { sentencesOf, summarizeExtractively } from '#subgraphs/inference/summaries/extractive.ts';
import { MarkdownDocument } from '#subgraphs/shared/markdown/document.ts';

const paragraphsOf = (text: string): string[] => new MarkdownDocument(text).prose(1_000);

const README = `---
title: front matter
---
# retry [![Build](https://img.shields.io/x.svg)](https://ci.example.com)

<p align="center"><img src="logo.png"></p>
<!-- a comment. With sentences. -->

Retry runs **failed operations** again, with [exponential backoff](https://example.com/a_(b)).
It waits longer after each failure, e.g. one second, then two. Jitter keeps clients from
retrying at the same moment.

\`\`\`js
const code = "This is not prose. It must not be quoted.";
\`\`\`

    const indented = "Neither is this. At all.";

| Option | Meaning |
| --- | --- |
| retries | How often. To try. |

Options
-------

- The option \`retries\` says how often a failed operation is retried.
- The option \`factor\` says how the backoff grows after each failure.

> Failures that cannot be retried, such as a wrong password, are not retried.

The weather was nice on the day of the release. Licensed under MIT.

[ref]: https://example.com/never
`;

describe('plain text of Markdown', () => {
  it('keeps prose and drops what is not', () => {
    const text = paragraphsOf(README).join('\n');
    expect(text).toContain('Retry runs failed operations again, with exponential backoff');
    expect(text).toContain('The option retries says how often');
    for (const gone of [
      'front matter',
      'shields',
      'logo',
      'comment',
      'const',
      'indented',
      '|',
      'Option |',
      '**',
      '`',
      'https://example.com/never',
      'Options',
      '#',
    ]) {
      expect(text, gone).not.toContain(gone);
    }
  });

  it('leaves plain text as it is', () => {
    expect(paragraphsOf('One line.\nSame paragraph: a * b * c, snake_case_name.\n\nNext.')).toEqual([
      'One line. Same paragraph: a * b * c, snake_case_name.',
      'Next.',
    ]);
  });
});

describe('sentences', () => {
  it('end where sentences end', () => {
    expect(
      sentencesOf(
        'It waits, e.g. one second, then two seconds. Version 2.0 of the file a.txt came later! Was that all there is? Yes.',
      ),
    ).toEqual([
      'It waits, e.g. one second, then two seconds.',
      'Version 2.0 of the file a.txt came later!',
      'Was that all there is?',
    ]);
  });
});

describe('extractive summary', () => {
  it('chooses the sentences that the others are about, in their order', async () => {
    const summary = summarizeExtractively(README, 3);
    expect(summary).toMatch(/^Retry runs failed operations again/);
    expect(summary).not.toContain('weather');
    expect(sentencesOf(summary)).toHaveLength(3);
    const all = sentencesOf(README);
    const places = sentencesOf(summary).map((sentence) => all.indexOf(sentence));
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('gives all of a short text, and the start of one without sentences', async () => {
    expect(summarizeExtractively('Only one sentence is in here.', 3)).toBe('Only one sentence is in here.');
    expect(summarizeExtractively('', 3)).toBe('');
    expect(summarizeExtractively('```\ncode only\n```', 3)).toBe('');
    expect(summarizeExtractively('apples\n\npears\n\nplums', 2)).toContain('apples');
  });

  it('takes any text, and no longer for odd ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 400 }),
        fc.integer({ min: 1, max: 20 }),
        async (text, sentences) => {
          expect(typeof summarizeExtractively(text, sentences)).toBe('string');
        },
      ),
      { numRuns: 25 },
    );
    for (const odd of ['[', '![', '`', '*', '<a ', '<!--', '(', '**a', '# ', 'a. ', '[![']) {
      expect(typeof summarizeExtractively(odd.repeat(200_000 / odd.length), 3)).toBe('string');
    }
  });
});
