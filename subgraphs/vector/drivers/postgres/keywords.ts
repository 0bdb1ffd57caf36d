/** Terms as PostgreSQL takes them: a `tsvector` of a text, and what `vector.keyword_search` looks for. */
import { isStretchOver, nextTurn } from '#subgraphs/shared/turns.ts';
import { VECTOR } from '../../bounds.ts';
import { BM25 } from '../../keywords/bm25.ts';
import { parseKeywords, type Phrase, type RequiredWords } from '../../keywords/query.ts';
import { termsOf } from '#subgraphs/shared/terms/terms.ts';

/** PostgreSQL's own: the largest position, and how many positions a lexeme keeps. */
const LAST_POSITION = 16_383;
const POSITIONS = 255;
/** PostgreSQL takes a `tsvector` of 1 MiB. Only a long text of ever other characters comes near; the last of its terms are left out. */
const BYTES = 1_000_000;

/** A text's terms as text of a `tsvector`, and how many words it has. */
export interface Keywords {
  readonly vector: string;
  readonly words: number;
}

/** Those of texts, in order; others have their turns between them. */
export async function keywordsInTurns(
  tenantId: string,
  texts: readonly { readonly title: string; readonly text: string }[],
): Promise<Keywords[]> {
  const all: Keywords[] = [];
  for (const { title, text } of texts) {
    if (isStretchOver()) await nextTurn(tenantId);
    all.push(keywordsOf(title, text));
  }
  return all;
}

export function keywordsOf(title: string, text: string): Keywords {
  const { positions, words } = termsOf(title, text);
  const lexemes: string[] = [];
  let bytes = 0;
  for (const [term, places] of positions) {
    const kept = [...new Set(places.slice(0, POSITIONS).map((place) => Math.min(place, LAST_POSITION)))];
    bytes += Buffer.byteLength(term) + 4 + 2 * kept.length;
    if (bytes > BYTES) break;
    lexemes.push(`${quoted(term)}:${kept.join(',')}`);
  }
  return { vector: lexemes.join(' '), words };
}

/** What `vector.keyword_search` looks for; see the migration. @param scored how many chunks at most */
export function wantedOf(text: string, scored: number) {
  const { terms, prefix, phrases, without } = parseKeywords(text, VECTOR.keywordTerms);
  return {
    terms: terms.map(({ term, weight }) => ({ query: quoted(term), weight })),
    ...(prefix === undefined
      ? {}
      : { prefix: { query: `${quoted(prefix.term)}:*`, weight: prefix.weight }, last: quoted(prefix.known) }),
    ...(phrases.length === 0 ? {} : { all: phrases.map(rowOf).join(' & ') }),
    ...(without.length === 0 ? {} : { none: without.map(rowOf).join(' | ') }),
    ...BM25,
    most: scored,
  };
}

/** What chunks must have and must not, as text of a `tsquery`. */
export const requiredQuery = ({ phrases, without }: RequiredWords): string =>
  [...phrases.map(rowOf), ...without.map((phrase) => `!${rowOf(phrase)}`)].join(' & ');

const rowOf = (phrase: Phrase): string => `(${phrase.map(quoted).join(' <-> ')})`;
const quoted = (term: string): string => `'${term.replace(/['\\]/g, '$&$&')}'`;
