/** Reads files of metadata: YAML (JSON is YAML) with `!include`, from one folder and nowhere else, up to bounds. */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { INIT } from '../bounds.ts';
import { wrongAt, type Placed } from './placed.ts';

/** A file while it is turned into values. */
interface Open {
  /** Its real path, and what messages call it. */
  readonly path: string;
  readonly shown: string;
  readonly lines: LineCounter;
  /** What aliases may repeat, as far as it has been read. */
  readonly anchors: Map<string, Node>;
  /** The files that lead here by `!include`, itself the last. */
  readonly chain: readonly string[];
}

const INCLUDE = /^!include\s+/;

export class MetadataFiles {
  readonly #root: string;
  readonly #shown: string;
  #files = 0;
  #bytes = 0;
  #parts = 0;

  /** @param folder whatever is read is in it */
  constructor(folder: string) {
    this.#shown = folder.replace(/[/\\]+$/, '') || folder;
    this.#root = realpathSync(folder);
  }

  /** @param name of a file of the folder @returns undefined where there is none */
  read(name: string): Placed | undefined {
    const path = join(this.#root, name);
    try {
      return this.#open(path, `${this.#shown}:1`, []);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** @param at where it is named */
  #open(path: string, at: string, chain: readonly string[]): Placed {
    const real = realpathSync(path);
    if (real !== this.#root && !real.startsWith(this.#root.endsWith(sep) ? this.#root : `${this.#root}${sep}`))
      throw wrongAt(at, `it includes a file outside ${this.#shown}, which is not read.`);
    const shown = join(this.#shown, relative(this.#root, real));
    if (chain.includes(real)) throw wrongAt(at, `${shown} includes itself.`);
    if (chain.length >= INIT.includes) throw wrongAt(at, `files include each other more than ${INIT.includes} deep.`);
    if ((this.#files += 1) > INIT.files) throw wrongAt(at, `there are more than ${INIT.files} files.`);
    const text = this.#text(real, shown, at);
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    const open: Open = { path: real, shown, lines, anchors: new Map(), chain: [...chain, real] };
    const [fault] = document.errors;
    if (fault !== undefined)
      throw wrongAt(`${shown}:${lines.linePos(fault.pos[0]).line}`, `it is no YAML: ${fault.message.split('\n')[0]}`);
    return document.contents === null
      ? { at: `${shown}:1`, value: null }
      : this.#placed(document.contents as Node, open, `${shown}:1`, 0);
  }

  #text(real: string, shown: string, at: string): string {
    // Without waiting for whoever writes into what is a pipe.
    const file = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw wrongAt(at, `${shown} is no file.`);
      if (stat.size > INIT.fileBytes)
        throw wrongAt(
          `${shown}:1`,
          `the file is longer than ${INIT.fileBytes} bytes, which no metadata is that people write.`,
        );
      if ((this.#bytes += stat.size) > INIT.allBytes)
        throw wrongAt(`${shown}:1`, `with it, the files are longer than ${INIT.allBytes} bytes.`);
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  }

  #placed(node: Node | null | undefined, open: Open, fallback: string, depth: number): Placed {
    const start = (node as { range?: [number, number, number] } | null | undefined)?.range?.[0];
    const at = start === undefined ? fallback : `${open.shown}:${open.lines.linePos(start).line}`;
    if ((this.#parts += 1) > INIT.parts)
      throw wrongAt(at, `there are more than ${INIT.parts} values, where aliases count as often as they repeat one.`);
    if (depth > INIT.depth) throw wrongAt(at, `it is nested more than ${INIT.depth} deep.`);
    if (node === null || node === undefined) return { at, value: null };
    if (isAlias(node)) return this.#placed(open.anchors.get(node.source), open, at, depth + 1);
    if (node.anchor !== undefined) open.anchors.set(node.anchor, node);
    if (node.tag === '!include') return this.#include(isScalar(node) ? String(node.value) : '', open, at);
    if (node.tag?.startsWith('!') === true)
      throw wrongAt(at, `the tag ${node.tag.slice(0, 60)} is not known; only !include is.`);
    if (isSeq(node)) return { at, value: node.items.map((item) => this.#placed(item as Node, open, at, depth + 1)) };
    if (isMap(node)) {
      const fields = new Map<string, Placed>();
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key);
        const placed = this.#placed(value as Node | null, open, at, depth + 1);
        // A key of YAML 1.1, which the product's own programs read.
        if (name === '<<') for (const [merged, part] of merging(placed)) fields.set(merged, fields.get(merged) ?? part);
        else fields.set(name, placed);
      }
      return { at, value: fields };
    }
    const { value } = node as { value?: unknown };
    if (typeof value === 'string' && INCLUDE.test(value)) return this.#include(value.replace(INCLUDE, ''), open, at);
    return {
      at,
      value: ['string', 'number', 'boolean'].includes(typeof value)
        ? (value as string)
        : value === null
          ? null
          : String(value),
    };
  }

  #include(named: string, open: Open, at: string): Placed {
    const name = named.trim();
    if (name === '' || isAbsolute(name)) throw wrongAt(at, '!include must name a file by its path from this one.');
    try {
      return this.#open(join(dirname(open.path), name), at, open.chain);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
      throw wrongAt(at, `it includes ${JSON.stringify(name)}, which cannot be read (${code}).`);
    }
  }
}

function merging(placed: Placed): readonly (readonly [string, Placed])[] {
  if (placed.value instanceof Map) return [...(placed.value as ReadonlyMap<string, Placed>)];
  return Array.isArray(placed.value) ? (placed.value as readonly Placed[]).flatMap(merging) : [];
}

/** A folder, or a file that is read as a whole: its folder and name. @throws CodedError `BAD_USER_INPUT` where there is neither */
export function whereIs(path: string): { readonly folder: string; readonly file: string | undefined } {
  try {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stat = fstatSync(file);
      if (stat.isDirectory()) return { folder: path, file: undefined };
      if (stat.isFile()) return { folder: dirname(path), file: relative(dirname(path), path) };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw badUserInput(`${path} cannot be read (${code}).`, {
      cause,
      hint: 'Name the folder that `hasura metadata export` wrote, or the file of `export_metadata`.',
    });
  }
  throw badUserInput(`${path} is neither a folder nor a file.`);
}
