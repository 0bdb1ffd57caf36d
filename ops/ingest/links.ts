/** Where the links of a document lead: to other files of its folder, and to sites. */
import { posix } from 'node:path';
import type { Link } from '#subgraphs/shared/markdown/document.ts';

/** Where a document points. */
export interface Targets {
  /** Paths of other files, relative to the ingested folder. */
  files: string[];
  /** Host names of web pages. */
  sites: string[];
  /** Of links to pages, as they are written, those that lead to none of the folder. */
  missing: string[];
}

/** What a link to a folder, or to a page without its ending, may mean. */
const ENDINGS = ['', '.md', '.markdown', '.mdx', '/README.md', '/readme.md', '/index.md'];

/**
 * The files of a folder, by the names that links give them. Names are compared as Unicode's composed form: macOS writes
 * file names decomposed, and the texts that link to them are composed.
 */
export class FileIndex {
  readonly #paths = new Map<string, string>();
  /** Files by the last part of their name, without its ending, in small letters. */
  readonly #pages = new Map<string, string[]>();

  constructor(paths: Iterable<string>) {
    for (const path of paths) {
      this.#paths.set(path.normalize('NFC'), path);
      const page = pageOf(path);
      const name = posix.basename(page);
      this.#pages.set(name, [...(this.#pages.get(name) ?? []), path]);
    }
  }

  /**
   * Follows the links of a document; those that lead to the document itself are left out.
   * @param from the document's own path within the folder, with `/`
   */
  follow(links: readonly Link[], from: string): Targets {
    const files = new Set<string>();
    const sites = new Set<string>();
    const missing = new Set<string>();
    for (const { kind, target } of links) {
      if (kind === 'URL' && /^(?:https?:)?\/\//i.test(target)) {
        const url = target.startsWith('//') ? `https:${target}` : target;
        const host = URL.canParse(url) ? new URL(url).hostname : '';
        if (host !== '') sites.add(host);
        continue;
      }
      const found = kind === 'WIKI' ? this.#page(target, from) : this.#file(target, from);
      if (found === undefined) {
        if (isOfPage(kind, target, from)) missing.add(target);
      } else if (found !== from) files.add(found);
    }
    return { files: [...files], sites: [...sites], missing: [...missing] };
  }

  #file(target: string, from: string): string | undefined {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith('#')) return undefined;
    const [bare = ''] = target.split(/[?#]/);
    return bare === '' ? undefined : this.#at(decoded(bare), from);
  }

  /** The file at a path from the document, or from the folder where it begins with `/`. */
  #at(target: string, from: string): string | undefined {
    const path = target.startsWith('/') ? target.slice(1) : posix.join(posix.dirname(from), target);
    const bare = posix.normalize(path).replace(/\/$/, '').normalize('NFC');
    const found = ENDINGS.map((ending) => this.#paths.get(bare + ending)).find((each) => each !== undefined);
    // A link to the folder that it is in.
    return found ?? (bare === '.' ? (this.#paths.get('README.md') ?? this.#paths.get('index.md')) : undefined);
  }

  /**
   * The page of a name: by its path where it has one, from the document, from the folder, or the end of only one page's
   * path; else the page of that name that is nearest, as note-taking programs look for it.
   */
  #page(target: string, from: string): string | undefined {
    const exact = this.#at(target, from) ?? this.#at(`/${target}`, from);
    if (exact !== undefined) return exact;
    const wanted = pageOf(target.replace(/^\/+/, ''));
    const candidates = (this.#pages.get(posix.basename(wanted)) ?? []).filter((path) =>
      `/${pageOf(path)}`.endsWith(`/${wanted}`),
    );
    const distance = (path: string): number =>
      (posix.dirname(path) === posix.dirname(from) ? 0 : 1_000) + path.split('/').length;
    return candidates.sort((a, b) => distance(a) - distance(b) || (a < b ? -1 : 1))[0];
  }
}

/** A page's name as it is compared. */
const pageOf = (path: string): string => path.normalize('NFC').toLowerCase().replace(PAGE, '');

const PAGE = /\.(?:md|markdown|mdx|txt|text|rst|adoc)$/;

/** Whether a link is to a page of the folder, there or not: files of other kinds, and what is beside the folder, are none. */
function isOfPage(kind: Link['kind'], target: string, from: string): boolean {
  const [bare = ''] = target.split(/[?#]/);
  if (bare === '' || /^[a-z][a-z0-9+.-]*:/i.test(bare)) return false;
  const path = decoded(bare);
  if (kind === 'WIKI') return posix.extname(path) === '' || PAGE.test(path.toLowerCase());
  const whole = path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(from), path);
  return PAGE.test(path.toLowerCase()) && !posix.normalize(whole).startsWith('../');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path; // A stray percent sign is part of the name.
    throw error;
  }
}
