/** Presentations: a heading for each slide, its texts and tables, and what the speaker has noted. */
import type { Archive } from '../archive.ts';
import { unpack } from '../archive.ts';
import { inOneLine, MarkdownText, plainText } from '../markdown-text.ts';
import { corePropertiesOf, relationshipsOf } from '../office.ts';
import type { Reading } from '../reader.ts';
import { addTable, rowOf, type Row } from '../table.ts';
import { UnreadableError } from '../unreadable.ts';
import { attributeOf, readXml } from '../xml.ts';

const PRESENTATION = 'ppt/presentation.xml';

/** Reads a presentation, slides in the order in which they are shown. */
export function readPptx(bytes: Uint8Array): Reading {
  const archive = unpack(bytes, (name) => /\.(?:xml|rels)$/i.test(name) && !/theme|slideLayout|slideMaster/.test(name));
  const presentation = archive.get(PRESENTATION);
  if (presentation === undefined) throw new UnreadableError('it holds no presentation');
  const parts = relationshipsOf(archive, PRESENTATION);
  const slides: string[] = [];
  readXml(presentation, {
    onOpen: (name, attributes) => {
      const id = name === 'sldId' ? (attributes['r:id'] ?? attributeOf(attributes, 'id')) : undefined;
      const part = id === undefined ? undefined : parts.get(id);
      if (part !== undefined) slides.push(part.target);
    },
  });
  const text = new MarkdownText();
  for (const [at, slide] of slides.entries()) if (!addSlide(text, archive, slide, at + 1)) break;
  return { text, ...withPages(corePropertiesOf(archive), slides.length) };
}

const withPages = (own: Pick<Reading, 'title' | 'facts'>, slides: number) => ({
  ...own,
  facts: { ...own.facts, slides },
});

function addSlide(text: MarkdownText, archive: Archive, part: string, number: number): boolean {
  const slide = shapesOf(archive.get(part));
  const title = inOneLine(
    slide
      .find(({ isTitle }) => isTitle)
      ?.paragraphs.map((each) => each.text)
      .join(' ') ?? '',
  );
  // A slide without a title is found by its number.
  if (!text.heading(2, title === '' ? `Slide ${number}` : title)) return false;
  for (const shape of slide) if (!shape.isTitle && !addShape(text, shape)) return false;
  for (const { type, target } of relationshipsOf(archive, part).values()) {
    if (type === 'diagramData') for (const shape of shapesOf(archive.get(target), true)) addShape(text, shape);
    if (type !== 'notesSlide') continue;
    const notes = shapesOf(archive.get(target)).filter(({ kind }) => kind === 'body');
    const said = notes.map(({ paragraphs }) => paragraphs.map((each) => each.text).join('\n')).join('\n');
    if (said.trim() !== '' && !text.add(`Notes: ${plainText(said)}`)) return false;
  }
  return true;
}

interface Shape {
  /** The kind of placeholder that it fills. */
  kind: string;
  isTitle: boolean;
  paragraphs: { text: string; level: number }[];
  rows: Row[];
}

function addShape(text: MarkdownText, { paragraphs, rows, kind }: Shape): boolean {
  // The number and the date of a slide, and what stands at the foot of each.
  if (/^(?:sldNum|dt|ftr)$/.test(kind)) return true;
  if (rows.length > 0) return addTable(text, rows);
  const lines = paragraphs.filter((each) => each.text.trim() !== '');
  if (lines.length < 2) return text.add(plainText(lines[0]?.text ?? ''));
  return text.add(lines.map((line) => `${'  '.repeat(line.level)}- ${inOneLine(line.text)}`).join('\n'));
}

const newShape = (): Shape => ({ kind: '', isTitle: false, paragraphs: [], rows: [] });

/** @param alone whether paragraphs stand outside of shapes, as in a diagram */
function shapesOf(bytes: Uint8Array | undefined, alone = false): Shape[] {
  const shapes: Shape[] = [];
  if (bytes === undefined) return shapes;
  let shape = newShape();
  let cells: string[] | undefined;
  let cell: string | undefined;
  let paragraph: { text: string; level: number } | undefined;
  let isText = false;
  readXml(bytes, {
    onOpen: (name, attributes) => {
      if (name === 'sp' || name === 'graphicFrame') shape = newShape();
      else if (name === 'ph') {
        shape.kind = attributes['type'] ?? 'body';
        shape.isTitle = /^(?:title|ctrTitle)$/.test(shape.kind);
      } else if (name === 'tr') cells = [];
      else if (name === 'tc') cell = '';
      else if (name === 'p') paragraph = { text: '', level: 0 };
      else if (name === 'pPr' && paragraph !== undefined)
        paragraph.level = Math.min(Number(attributes['lvl'] ?? 0) || 0, 8);
      else if (name === 'br' && paragraph !== undefined) paragraph.text += '\n';
      else if (name === 't') isText = true;
    },
    onText: (piece) => {
      if (isText && paragraph !== undefined) paragraph.text += piece;
    },
    onClose: (name) => {
      if (name === 't') isText = false;
      else if (name === 'p' && paragraph !== undefined) {
        if (cell !== undefined) cell += ` ${paragraph.text}`;
        else shape.paragraphs.push(paragraph);
        paragraph = undefined;
      } else if (name === 'tc') {
        cells?.push(cell ?? '');
        cell = undefined;
      } else if (name === 'tr') {
        shape.rows.push(rowOf(cells ?? []));
        cells = undefined;
      } else if (name === 'sp' || name === 'graphicFrame') shapes.push(shape);
    },
  });
  if (alone) shapes.push(shape);
  return shapes;
}
