/**
 * Cuts a text into the passages that are embedded and searched. Pure and deterministic.
 *
 * Text is cut at headings, then between blocks (paragraphs, items, fences, tables), lines, sentences, words and, where
 * nothing else helps, characters, and packed greedily into chunks of about {@link CHUNK}.target characters. No overlap:
 * instead each chunk starts with the headings that it stands under, and each piece of a table with its header, of a
 * fence with its marks, so that a passage can be understood on its own. A heading begins a new chunk unless the one
 * before is still short, so boundaries fall back into step behind an edit and most chunks stay as they were.
 */
import { MarkdownDocument, type Block } from '#subgraphs/shared/markdown/document.ts';
import { CODE_CUTS, PROSE_CUTS, split, stripped } from '#subgraphs/shared/splitting.ts';

/** Changes with the algorithm: a document that is written again is then cut again, though nothing in it changed. */
export const CHUNKING = 2;

/** Sizes in UTF-16 code units. */
export const CHUNK = {
  /** A chunk's own text is packed up to this. */
  target: 1_000,
  /** No chunk is longer, its headings included. */
  max: 1_200,
  /** Past this a heading begins a new chunk. */
  enough: 400,
} as const;

/** How much of {@link CHUNK}.max the repeated headings may take, with the blank line behind each. */
const TRAIL = CHUNK.max - CHUNK.target;

/** The most that is repeated with each piece of a fence or a table; what has longer marks is cut as any text. */
const FRAME = CHUNK.target / 2;

/**
 * The chunks of a text in order; texts that are equal appear once, for a chunk's id derives from its text. Bytes that
 * stand in the text itself (`data:` URLs) are left out of them.
 * @param mediaType Markdown's blocks are known for `text/markdown`; other texts have paragraphs alone
 */
export function chunkText(text: string, mediaType: string): string[] {
  const readable = withoutBytes(text);
  const blocks = /^text\/(x-)?markdown\b/i.test(mediaType)
    ? new MarkdownDocument(readable).blocks
    : paragraphs(readable.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'));
  return [...new Set(pack(blocks.flatMap(fit)))];
}

const DATA_URL = /\bdata:([a-z]{1,40}\/[\w.+-]{1,80})((?:;[\w.+=-]{1,80}){0,4}),[^\s()<>"'`\]]{64,}/gi;

/** A picture in base64 is megabytes in which nobody finds anything: its media type stays, and that something was there. */
const withoutBytes = (text: string): string => text.replace(DATA_URL, 'data:$1$2,…');

const paragraphs = (text: string): Block[] =>
  text
    .split(/\n[^\S\n]*\n/)
    .map((block) => ({ text: stripped(block), level: 0, apart: true }))
    .filter((block) => block.text !== '');

/** Divides a block that is longer than a chunk. */
function fit(block: Block): Block[] {
  const { text, level, apart, frame, inside } = block;
  if (text.length <= (level > 0 ? TRAIL : CHUNK.target)) return [block];
  const within = inside?.() ?? [];
  // One that holds nothing but one of the same text is no nearer to an end.
  if (within.length > 1 || (within.length === 1 && within[0]!.text.length < text.length)) {
    return within.flatMap((each, index) => fit(index === 0 ? { ...each, apart } : each));
  }
  if (within.length === 1) return fit({ ...within[0]!, apart });
  if (frame !== undefined && frame.before.length + frame.after.length + 2 <= FRAME) return inFrame(block, frame);
  // A heading that long is prose with a mark in front.
  return split(text, CHUNK.target, PROSE_CUTS).map((piece) => ({ text: piece, level: 0, apart: true }));
}

/** Pieces of a fence or a table, each with the lines that it cannot be read without. */
function inFrame({ text, apart }: Block, { before, after }: NonNullable<Block['frame']>): Block[] {
  const tail = after === '' ? '' : `\n${after}`;
  const own = text.slice(before.length, tail !== '' && text.endsWith(tail) ? -tail.length : undefined);
  return split(own, CHUNK.target - before.length - tail.length - 1, CODE_CUTS).map((piece, index) => ({
    text: `${before}\n${piece}${tail}`,
    level: 0,
    apart: index > 0 || apart,
  }));
}

/** What stands between two blocks of a chunk. */
const between = (block: Block): string => (block.apart ? '\n\n' : '\n');

function pack(blocks: readonly Block[]): string[] {
  const chunks: string[] = [];
  /** The headings in force where the present chunk starts, and those met since. */
  let trail: Block[] = [];
  let met: Block[] = [];
  let chunk: Block[] = [];
  let length = 0;

  const close = (next?: Block): void => {
    // Headings that what follows repeats need no chunk of their own.
    if (next?.level === 0 && chunk.every((block) => block.level > 0)) {
      const shown = visible(met, next);
      if (chunk.every((heading) => shown.includes(heading))) {
        trail = met;
        chunk = [];
        length = 0;
        return;
      }
    }
    // A heading belongs to what follows it, where something does.
    let end = chunk.length;
    while (next !== undefined && end > 0 && chunk[end - 1]!.level > 0) end -= 1;
    const carried = end === 0 ? [] : chunk.splice(end);
    if (chunk.length > 0) {
      const headings = visible(trail, chunk[0]!).map(({ text }) => `${text}\n\n`);
      chunks.push(
        headings.join('') + chunk.map((block, index) => (index === 0 ? '' : between(block)) + block.text).join(''),
      );
    }
    trail = met.filter((heading) => !carried.includes(heading));
    chunk = carried;
    length = carried.reduce((sum, block) => sum + block.text.length + 2, 0);
  };

  for (const block of blocks) {
    const begins = block.level > 0 && length >= CHUNK.enough && chunk.at(-1)!.level === 0;
    if (chunk.length > 0 && (begins || length + block.text.length > CHUNK.target)) close(block);
    // Headings that were carried over may leave too little room.
    if (chunk.length > 0 && length + block.text.length > CHUNK.target) close(block);
    if (block.level > 0) met = [...met.filter((heading) => heading.level < block.level), block];
    chunk.push(block);
    length += block.text.length + 2;
  }
  if (chunk.length > 0) close();
  return chunks;
}

/**
 * The headings of the trail that a chunk starting with `first` stands under, the innermost ones where not all have
 * room.
 */
function visible(trail: readonly Block[], first: Block): Block[] {
  const shown: Block[] = [];
  let room = TRAIL;
  for (const heading of trail.filter(({ level }) => first.level === 0 || level < first.level).reverse()) {
    room -= heading.text.length + 2;
    if (room < 0) break;
    shown.unshift(heading);
  }
  return shown;
}
