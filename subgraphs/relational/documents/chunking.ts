/**
 * Cuts a text into the passages that are embedded and searched. Pure and deterministic.
 *
 * Text is split at headings, then paragraphs, lines, sentences, words and, where nothing else helps, characters, and
 * packed greedily into chunks of about {@link CHUNK}.target characters. No overlap: instead each chunk starts with the
 * headings that it stands under, so that a passage can be understood on its own. A heading begins a new chunk unless
 * the one before is still short, so boundaries fall back into step behind an edit and most chunks stay as they were.
 */

/** Changes with the algorithm: a document that is written again is then cut again, though nothing in it changed. */
export const CHUNKING = 1;

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

interface Block {
  text: string;
  /** 1 to 6 for a heading, 0 for anything else. */
  level: number;
}

/**
 * The chunks of a text in order; texts that are equal appear once, for a chunk's id derives from its text.
 * @param mediaType Markdown's headings and code fences are known for `text/markdown`; other texts have paragraphs alone
 */
export function chunkText(text: string, mediaType: string): string[] {
  const normal = text.replace(/\r\n?/g, '\n').replace(/^\uFEFF/, '');
  const blocks = /^text\/(x-)?markdown\b/i.test(mediaType) ? markdownBlocks(normal) : paragraphs(normal);
  return [...new Set(pack(blocks.flatMap(fit)))];
}

const ATX_HEADING = /^ {0,3}(#{1,6})(?:[ \t]|$)/;
const SETEXT_UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

function markdownBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let fence: string | undefined;
  const flush = (level = 0): void => {
    const block = stripped(lines.join('\n'));
    if (block !== '') blocks.push({ text: block, level });
    lines = [];
  };
  for (const line of text.split('\n')) {
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined) {
      lines.push(line);
      // A fence closes with at least as many of the same mark (CommonMark 0.31, section 4.5).
      if (mark !== undefined && mark.startsWith(fence) && line.trim() === mark) {
        fence = undefined;
        flush();
      }
    } else if (mark !== undefined) {
      flush();
      lines.push(line);
      fence = mark;
    } else if (ATX_HEADING.test(line)) {
      flush();
      lines.push(line);
      flush(ATX_HEADING.exec(line)?.[1]?.length);
    } else if (lines.length === 1 && SETEXT_UNDERLINE.test(line)) {
      lines.push(line);
      flush(line.trim().startsWith('=') ? 1 : 2);
    } else if (line.trim() === '') {
      flush();
    } else {
      lines.push(line);
    }
  }
  flush();
  return blocks;
}

const paragraphs = (text: string): Block[] =>
  text
    .split(/\n[^\S\n]*\n/)
    .map((block) => ({ text: stripped(block), level: 0 }))
    .filter((block) => block.text !== '');

/** Splits a block that is longer than a chunk. */
function fit(block: Block): Block[] {
  if (block.text.length <= (block.level > 0 ? TRAIL : CHUNK.target)) return [block];
  // A heading that long is prose with a mark in front.
  return split(block.text, 0).map((text) => ({ text, level: 0 }));
}

/**
 * Where a text may be cut, the best places first. The pieces keep their separators, so that joining them loses nothing.
 */
const CUTS = [/(?<=\n)/, /(?<=[.!?…][)"'’”\]]?\s)|(?<=[。！？])/, /(?<=\s)/];

function split(text: string, cut: number): string[] {
  if (text.length <= CHUNK.target) return trimmed(text);
  const separator = CUTS[cut];
  if (separator === undefined) return hardCuts(text);
  const pieces: string[] = [];
  let piece = '';
  for (const part of text.split(separator)) {
    if (piece.length + part.length <= CHUNK.target) {
      piece += part;
      continue;
    }
    pieces.push(...trimmed(piece));
    piece = '';
    if (part.length <= CHUNK.target) piece = part;
    else pieces.push(...split(part, cut + 1));
  }
  return [...pieces, ...trimmed(piece)];
}

const trimmed = (text: string): string[] => [stripped(text)].filter((piece) => piece !== '');

/**
 * Without empty lines in front and space behind; indentation stays. (No pattern: `\s+$` is quadratic in runs of space.)
 */
const stripped = (text: string): string => text.trimEnd().replace(/^\n+/, '');

/** Cuts between characters, never within a surrogate pair. */
function hardCuts(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + CHUNK.target, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    pieces.push(...trimmed(text.slice(start, end)));
    start = end;
  }
  return pieces;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

function pack(blocks: readonly Block[]): string[] {
  const chunks: string[] = [];
  /** The headings in force where the present chunk starts, and those met since. */
  let trail: Block[] = [];
  let met: Block[] = [];
  let chunk: Block[] = [];
  let length = 0;

  const close = (): void => {
    // A heading belongs to what follows it.
    let end = chunk.length;
    while (end > 0 && chunk[end - 1]!.level > 0) end -= 1;
    const carried = end === 0 ? [] : chunk.splice(end);
    if (chunk.length > 0) chunks.push([...visible(trail, chunk[0]!), ...chunk].map((block) => block.text).join('\n\n'));
    trail = met.filter((heading) => !carried.includes(heading));
    chunk = carried;
    length = carried.reduce((sum, block) => sum + block.text.length + 2, 0);
  };

  for (const block of blocks) {
    const begins = block.level > 0 && length >= CHUNK.enough && chunk.at(-1)!.level === 0;
    if (chunk.length > 0 && (begins || length + block.text.length > CHUNK.target)) close();
    // Headings that were carried over may leave too little room.
    if (chunk.length > 0 && length + block.text.length > CHUNK.target) close();
    if (block.level > 0) met = [...met.filter((heading) => heading.level < block.level), block];
    chunk.push(block);
    length += block.text.length + 2;
  }
  close();
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
