/**
 * Cuts a text into the passages that are embedded and searched. Pure and deterministic.
 *
 * Text is cut at headings, then between blocks (paragraphs, items, fences, tables), lines, sentences, words and, where
 * nothing else helps, characters, and packed greedily into chunks of about `RELATIONAL.chunkTarget` UTF-16 code units:
 * fewer where a model makes more tokens of them than it takes of those (Chinese, a small model), see {@link sizeFor}. No
 * overlap: instead each chunk starts with the headings that it stands under, and each piece of a table with its header, of a
 * fence with its marks, so that a passage can be understood on its own. A heading begins a new chunk unless the one
 * before is still short, so boundaries fall back into step behind an edit and most chunks stay as they were.
 */
import { MarkdownDocument, type Block } from '#subgraphs/shared/markdown/document.ts';
import { CODE_CUTS, PROSE_CUTS, split, stripped, type Size } from '#subgraphs/shared/splitting.ts';
import { estimateTokens, MOST_TOKENS_PER_UNIT } from '#subgraphs/shared/tokens.ts';
import { RELATIONAL } from '../bounds.ts';

/**
 * Changes with the algorithm: documents that were cut by another version are then cut again, by whoever writes them or
 * behind a start of the server.
 */
export const CHUNKING = 3;

/** How much of `RELATIONAL.chunkMost` the repeated headings may take, with the blank line behind each. */
const TRAIL = RELATIONAL.chunkMost - RELATIONAL.chunkTarget;

/** The most that is repeated with each piece of a fence or a table; what has longer marks is cut as any text. */
const FRAME = RELATIONAL.chunkTarget / 2;

export interface ChunkingOptions {
  /** The most tokens that the embedding model takes. @default any number */
  readonly maxTokens?: number | undefined;
  /** The document's title, which is embedded with each chunk and takes of that. */
  readonly title?: string;
}

/**
 * The chunks of a text in order; texts that are equal appear once, for a chunk's id derives from its text. Bytes that
 * stand in the text itself (`data:` URLs) are left out of them.
 * @param mediaType Markdown's blocks are known for `text/markdown`; other texts have paragraphs alone
 */
export function chunkText(text: string, mediaType: string, options: ChunkingOptions = {}): string[] {
  const readable = withoutBytes(text);
  const blocks = /^text\/(x-)?markdown\b/i.test(mediaType)
    ? new MarkdownDocument(readable).blocks
    : paragraphs(readable.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'));
  const size = sizeFor(options);
  return [...new Set(pack(blocks.flatMap((block) => fit(block, size)).map((block) => sized(block, size))))];
}

/** Marks that models put around a text, and what stands between title and text. */
const FURTHER_TOKENS = 4;

/**
 * How much of a chunk a text takes: its length or, where that is more, its tokens as a share of those that the
 * model takes. A title of more than half of them is cut by the model, not the text for its sake.
 */
function sizeFor({ maxTokens, title = '' }: ChunkingOptions): Size {
  if (maxTokens === undefined) return (text) => text.length;
  const room = Math.max(maxTokens - estimateTokens(title) - FURTHER_TOKENS, Math.floor(maxTokens / 2));
  const each = RELATIONAL.chunkMost / room;
  if (each * MOST_TOKENS_PER_UNIT <= 1) return (text) => text.length;
  return (text) => Math.max(text.length, estimateTokens(text) * each);
}

/** A block, and what it takes of a chunk with what stands before it. */
interface SizedBlock extends Block {
  readonly size: number;
}

const sized = (block: Block, size: Size): SizedBlock => ({ ...block, size: size(`\n\n${block.text}`) });

/** The lines that base64 is broken into behind the first: full ones, and a last one up to what the URL stands in. */
const FURTHER_LINES = /(?:\s{1,16}[\w+/-]{60,}={0,2}(?=\s|["')>]))*(?:\s{1,16}[\w+/-]{1,80}={0,2}(?=["')>]))?/.source;
const DATA_URL = new RegExp(
  String.raw`\bdata:([a-z]{1,40}\/[\w.+-]{1,80})((?:;[\w.+=-]{1,80}){0,4}),(?:\s{0,16}[\w+/-]{60,}${FURTHER_LINES}|[^\s()<>"'\`\]]{64,})`,
  'gi',
);

/** A picture in base64 is megabytes in which nobody finds anything: its media type stays, and that something was there. */
const withoutBytes = (text: string): string => text.replace(DATA_URL, 'data:$1$2,…');

const paragraphs = (text: string): Block[] =>
  text
    .split(/\n[^\S\n]*\n/)
    .map((block) => ({ text: stripped(block), level: 0, apart: true }))
    .filter((block) => block.text !== '');

/** Divides a block that is longer than a chunk. */
function fit(block: Block, size: Size): Block[] {
  const { text, level, apart, frame, inside } = block;
  if (size(text) <= (level > 0 ? TRAIL : RELATIONAL.chunkTarget)) return [block];
  const within = inside?.() ?? [];
  // One that holds nothing but one of the same text is no nearer to an end.
  if (within.length > 1 || (within.length === 1 && within[0]!.text.length < text.length)) {
    return within.flatMap((each, index) => fit(index === 0 ? { ...each, apart } : each, size));
  }
  if (within.length === 1) return fit({ ...within[0]!, apart }, size);
  if (frame !== undefined && size(frame.before) + size(frame.after) + 2 <= FRAME) return inFrame(block, frame, size);
  // A heading that long is prose with a mark in front.
  return split(text, RELATIONAL.chunkTarget, PROSE_CUTS, size).map((piece) => ({ text: piece, level: 0, apart: true }));
}

/** Pieces of a fence or a table, each with the lines that it cannot be read without. */
function inFrame({ text, apart }: Block, { before, after }: NonNullable<Block['frame']>, size: Size): Block[] {
  const tail = after === '' ? '' : `\n${after}`;
  const own = text.slice(before.length, tail !== '' && text.endsWith(tail) ? -tail.length : undefined);
  return split(own, RELATIONAL.chunkTarget - size(`${before}\n`) - size(tail), CODE_CUTS, size).map((piece, index) => ({
    text: `${before}\n${piece}${tail}`,
    level: 0,
    apart: index > 0 || apart,
  }));
}

/** What stands between two blocks of a chunk. */
const between = (block: Block): string => (block.apart ? '\n\n' : '\n');

function pack(blocks: readonly SizedBlock[]): string[] {
  const chunks: string[] = [];
  /** The headings in force where the present chunk starts, and those met since. */
  let trail: SizedBlock[] = [];
  let met: SizedBlock[] = [];
  let chunk: SizedBlock[] = [];
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
    length = carried.reduce((sum, block) => sum + block.size, 0);
  };

  for (const block of blocks) {
    const begins = block.level > 0 && length >= RELATIONAL.chunkEnough && chunk.at(-1)!.level === 0;
    if (chunk.length > 0 && (begins || length + block.size - 2 > RELATIONAL.chunkTarget)) close(block);
    // Headings that were carried over may leave too little room.
    if (chunk.length > 0 && length + block.size - 2 > RELATIONAL.chunkTarget) close(block);
    if (block.level > 0) met = [...met.filter((heading) => heading.level < block.level), block];
    chunk.push(block);
    length += block.size;
  }
  if (chunk.length > 0) close();
  return chunks;
}

/**
 * The headings of the trail that a chunk starting with `first` stands under, the innermost ones where not all have
 * room.
 */
function visible(trail: readonly SizedBlock[], first: Block): SizedBlock[] {
  const shown: SizedBlock[] = [];
  let room = TRAIL;
  for (const heading of trail.filter(({ level }) => first.level === 0 || level < first.level).reverse()) {
    room -= heading.size;
    if (room < 0) break;
    shown.unshift(heading);
  }
  return shown;
}
