import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { ROOT, sourceFiles } from '#ops/architecture/imports.ts';

/** Where they are what texts have in them, and not what we say. */
const DATA = /^subgraphs\/vector\/keywords\/|^subgraphs\/inference\/summaries\/|^subgraphs\/shared\/splitting\.ts$/;

/** A letter, and the apostrophe that no keyboard has. */
const TYPOGRAPHIC = /\p{L}\u2019/u;

test('messages and descriptions have straight apostrophes, so that whoever searches for one can type it', () => {
  const found: string[] = [];
  let literals = 0;
  for (const file of sourceFiles(['ops', 'gateway', 'subgraphs']).filter((each) => !DATA.test(each))) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
        literals += 1;
        if (TYPOGRAPHIC.test(node.text)) found.push(`${file}: ${node.text.slice(0, 80)}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect(found).toEqual([]);
  expect(literals).toBeGreaterThan(1_000);
});
