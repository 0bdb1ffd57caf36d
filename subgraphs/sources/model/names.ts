/** Names of the API from names of tables and columns. English is taken apart by rule; `name`, `item` and `list` say otherwise. */

/** Digits belong to the word before them. */
const WORDS = /[A-Z]+(?![a-z])\d*|[A-Z]?[a-z][a-z\d]*|\d+[a-z]*/g;

/** The words of a name, in small letters; accents fall away, and so does what GraphQL's names cannot hold. */
function wordsOf(name: string): string[] {
  const plain = name
    .normalize('NFKD')
    .replace(/[\p{M}'’]+/gu, '')
    .replaceAll('ß', 'ss');
  return (plain.match(WORDS) ?? []).map((word) => word.toLowerCase());
}

const upper = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const joined = (words: readonly string[]): string => {
  const name = words.map((word, index) => (index === 0 ? word : upper(word))).join('');
  return /^\d/.test(name) ? `_${name}` : name;
};

/** `customer_id`, `CustomerId` and `customer id` are `customerId`; empty where nothing is left of a name. */
export const fieldName = (name: string): string => joined(wordsOf(name));

/** `order_status` is `OrderStatus`. */
export const typeName = (name: string): string => upper(fieldName(name));

/** `in progress` is `IN_PROGRESS`; empty where nothing is left of it. */
export function enumValueName(value: string): string {
  const name = wordsOf(value).join('_').toUpperCase();
  return /^\d/.test(name) || ['TRUE', 'FALSE', 'NULL'].includes(name) ? `_${name}` : name;
}

/** Singular and plural, where they are irregular. */
const IRREGULAR: readonly (readonly [one: string, many: string])[] = [
  ['person', 'people'],
  ['child', 'children'],
  ['man', 'men'],
  ['woman', 'women'],
  ['foot', 'feet'],
  ['tooth', 'teeth'],
  ['mouse', 'mice'],
  ['datum', 'data'],
  ['medium', 'media'],
  ['criterion', 'criteria'],
  ['index', 'indices'],
  ['matrix', 'matrices'],
  ['analysis', 'analyses'],
  ['movie', 'movies'],
  ['cookie', 'cookies'],
  ['quiz', 'quizzes'],
];
const UNCOUNTED = new Set(['series', 'species', 'news', 'equipment', 'information', 'staff', 'metadata', 'stock']);

function singularWord(word: string): string {
  if (UNCOUNTED.has(word)) return word;
  const irregular = IRREGULAR.find(([one, many]) => word === many || word === one);
  if (irregular !== undefined) return irregular[0];
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(ss|sh|ch|x|zz|[^aou]us)es$/.test(word)) return word.slice(0, -2);
  if (/(?:[aeo]l|ar)ves$/.test(word)) return `${word.slice(0, -3)}f`;
  if (/s$/.test(word) && !/(ss|us|is)$/.test(word)) return word.slice(0, -1);
  return word;
}

function pluralWord(word: string): string {
  if (UNCOUNTED.has(word)) return word;
  const irregular = IRREGULAR.find(([one, many]) => word === one || word === many);
  if (irregular !== undefined) return irregular[1];
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|sh|ch|x|z)$/.test(word) ? `${word}es` : `${word}s`;
}

/** Of `things_2024`, the word before the number. */
const lastWord = (name: string, change: (word: string) => string): string => {
  const words = wordsOf(name);
  const last = words.findLastIndex((word) => /^[a-z]/.test(word));
  return joined(words.map((word, index) => (index === last ? change(word) : word)));
};

/** Of `order_lines`: `orderLine`. */
export const itemName = (table: string): string => lastWord(table, singularWord);

/** Of `order_line`: `orderLines`; of what has no plural, `newsList`. */
export function listName(table: string): string {
  const list = lastWord(table, (word) => pluralWord(singularWord(word)));
  return list === itemName(table) ? `${list}List` : list;
}

/** The field of a link by the column that refers: `customer_id` leads to a `customer`. */
export function linkName(column: string): string | undefined {
  const words = wordsOf(column);
  return words.length > 1 && ['id', 'uuid', 'key', 'fk'].includes(words.at(-1)!)
    ? joined(words.slice(0, -1))
    : undefined;
}
