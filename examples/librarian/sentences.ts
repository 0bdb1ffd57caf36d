/** An answer without a model: of each document the sentence that speaks most of what was asked. */
export interface Hit {
  title: string;
  source: string;
  text: string;
  /** What the package depends on that the document is about. */
  dependsOn: string[];
}

interface Found {
  text: string;
  document: {
    title: string;
    source: string;
    entities: { edges: { node: { kind: string; neighbors: { edges: { node: { name: string } }[] } | null } }[] } | null;
  };
}

/**
 * Of a hit what an answer needs: an event of a run holds 64 KiB. The graph may be down; the rest is worth having
 * without it.
 */
export function toHit({ node: { text, document } }: { node: Found }): Hit {
  const [self] = document.entities?.edges.filter(({ node }) => node.kind === 'package') ?? [];
  return {
    title: document.title,
    source: document.source,
    text: text.slice(0, 4_000),
    dependsOn: self?.node.neighbors?.edges.map(({ node }) => node.name) ?? [],
  };
}

/** Pieces of an answer, a few words each. The same hits give the same pieces. */
export function sentencesAbout(question: string, hits: readonly Hit[]): string[] {
  const wanted = [...stems(question)].filter((stem) => !COMMON.has(stem));
  const best = new Map<string, { sentence: string; score: number; dependsOn: string[] }>();
  for (const { title, text, dependsOn } of hits) {
    const sentences = plain(text)
      .split(/(?<=[.!?:])\s+|\n+/)
      .map((raw) => raw.replace(/\s+/g, ' ').trim());
    const whole = sentences.filter(
      (sentence) => sentence.length >= 25 && sentence.length <= 300 && /[.!?]$/.test(sentence),
    );
    for (const sentence of [...whole, ...headings(text)]) {
      const own = stems(sentence);
      const score =
        wanted.filter((stem) => own.has(stem)).length / (whole.includes(sentence) ? 8 + own.size : 30) ** 0.5;
      if (score > (best.get(title)?.score ?? 0)) best.set(title, { sentence, score, dependsOn });
    }
  }
  if (best.size === 0) return ['The corpus does not say.'];
  const lines = [...best]
    .sort(([, left], [, right]) => right.score - left.score)
    .map(([title, { sentence, dependsOn }]) => {
      const dependencies = dependsOn.length === 0 ? '' : ` (Depends on ${dependsOn.join(', ')}.)`;
      return `\n\n${title}: “${sentence}”${dependencies}`;
    });
  return [
    'What the documents say, ',
    'in their own words:',
    ...lines.flatMap((line) => line.match(/\s*(?:\S+\s*){1,4}/g)!),
  ];
}

const COMMON = new Set([
  'what',
  'which',
  'when',
  'where',
  'does',
  'that',
  'this',
  'with',
  'from',
  'there',
  'packag',
  'have',
  'about',
  'work',
]);

/** The words of a text without their endings. */
const stems = (text: string): Set<string> =>
  new Set(
    (text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? []).map((word) =>
      word.replace(/(ing|ed|es|s)$/, '').replace(/[eiy]$/, ''),
    ),
  );

/** Many a package says what it does in headings only. */
const headings = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+\s+(.+)$/gm)].map(([, heading]) => heading!.replaceAll('`', ''));

/** Markdown without code blocks, images, links' targets, HTML, headings, tables and emphasis. */
const plain = (markdown: string): string =>
  markdown
    .replace(/```[\s\S]*?(```|$)|<[^>]*>|!\[[^\]]*\]\([^)]*\)|^\s*[#|].*$/gm, '')
    .replace(/\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replace(/^\s*(?:[>*-]|\d+\.)\s+/gm, '\n')
    .replace(/[*_]{2,}/g, '')
    .replace(/(?<!\n)\n(?!\n)/g, ' ');
