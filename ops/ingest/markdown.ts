/** Titles and links of Markdown, as far as ingestion needs them. */
import { posix } from 'node:path';

const FENCE = /^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm;
const INLINE_LINK = /(?<!!)\[(?:[^\]\\]|\\.){0,500}\]\(\s*<?([^\s)>]{1,2000})>?(?:\s+["'(][^)]{0,500})?\)/g;
const REFERENCE_LINK = /^ {0,3}\[[^\]]{1,200}\]:\s*<?([^\s>]{1,2000})>?/gm;
const WIKI_LINK = /\[\[([^\]|#\n]{1,300})(?:#[^\]|\n]*)?(?:\|[^\]\n]*)?\]\]/g;

/** The first heading (or the front matter's `title`), or undefined. */
export function titleOf(markdown: string): string | undefined {
  const frontMatter = /^---\n([\s\S]{0,10000}?)\n---\s*(?:\n|$)/.exec(markdown)?.[1];
  const named =
    frontMatter === undefined ? undefined : /^title:\s*(.+)$/m.exec(frontMatter)?.[1]?.replace(/^["']|["']$/g, '');
  const heading =
    named ??
    /^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$/m.exec(markdown.replace(FENCE, ''))?.[1] ??
    /^(\S.*)\n(?:=+|-{3,})\s*$/m.exec(markdown)?.[1];
  const plain = heading
    ?.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>|[*_`]/g, '')
    .trim();
  return plain === undefined || plain === '' ? undefined : plain.slice(0, 200);
}

/** Where a document points. */
export interface Links {
  /** Paths of other files, relative to the ingested folder. */
  files: string[];
  /** Host names of web pages. */
  sites: string[];
}

/**
 * Finds the links of a Markdown text (inline, reference and wiki links; none inside code fences).
 * @param path the file's own path within the folder, with `/`
 * @param known the paths of all files of the folder: links to others are dropped
 */
export function linksOf(markdown: string, path: string, known: ReadonlySet<string>): Links {
  const text = markdown.replace(FENCE, '');
  const files = new Set<string>();
  const sites = new Set<string>();
  const add = (target: string): void => {
    if (/^https?:\/\//i.test(target)) {
      if (URL.canParse(target)) sites.add(new URL(target).hostname);
      return;
    }
    if (/^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith('#') || target.startsWith('//')) return;
    const [bare = ''] = target.split(/[?#]/);
    const found = resolve(decode(bare), path, known);
    if (found !== undefined && found !== path) files.add(found);
  };
  for (const pattern of [INLINE_LINK, REFERENCE_LINK]) for (const match of text.matchAll(pattern)) add(match[1]!);
  for (const match of text.matchAll(WIKI_LINK)) {
    const name = match[1]!.trim().toLowerCase();
    for (const file of known) {
      if (
        file !== path &&
        posix
          .basename(file)
          .replace(/\.[^.]+$/, '')
          .toLowerCase() === posix.basename(name).replace(/\.(md|markdown|txt)$/, '')
      ) {
        files.add(file);
        break;
      }
    }
  }
  return { files: [...files], sites: [...sites] };
}

function resolve(target: string, from: string, known: ReadonlySet<string>): string | undefined {
  if (target === '') return undefined;
  const path = target.startsWith('/')
    ? posix.normalize(target.slice(1))
    : posix.normalize(posix.join(posix.dirname(from), target));
  return [path, `${path}.md`, `${path.replace(/\/$/, '')}/README.md`, `${path.replace(/\/$/, '')}/index.md`].find(
    (candidate) => known.has(candidate),
  );
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path; // A stray percent sign is part of the name.
    throw error;
  }
}
