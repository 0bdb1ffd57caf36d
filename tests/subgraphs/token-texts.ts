/** Texts of many kinds to count the tokens of: real ones that installed packages ship, and made ones that are the same each time. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** Documentation in a language that the packages of Apache Cordova are translated into. */
const translated = (language: string): string => {
  const folder = `node_modules/cordova-plugin-file/doc/${language}/`;
  return readdirSync(new URL(folder, root))
    .map((name) => read(folder + name))
    .join('\n\n');
};

/** What TypeScript's compiler complains of, in a language. */
const diagnostics = (language: string): string =>
  Object.values(
    JSON.parse(read(`node_modules/typescript/lib/${language}/diagnosticMessages.generated.json`)) as object,
  ).join('\n');

/** The sentences of Zod's messages in a language. */
const messages = (language: string): string =>
  [
    ...read(`node_modules/zod/v4/locales/${language}.js`).matchAll(
      /(["'`])((?:(?!\1)[^\\\n])*[^\n -~](?:(?!\1)[^\\\n])*)\1/g,
    ),
  ]
    .map(([, , sentence]) => sentence)
    .join('\n');

const all = (languages: string, of: (language: string) => string, length: number): [string, string][] =>
  languages.split(' ').map((language) => [language, of(language).slice(0, length)]);

/** Documentation and code, of which no chunk may be over a limit. */
export const documents: readonly (readonly [string, string])[] = [
  ...all('de es fr it ja ko pl ru zh', translated, 4_000),
  ['en', read('node_modules/fast-check/README.md').slice(0, 4_000)],
  ['code', read('subgraphs/relational/documents/chunking.ts').slice(0, 4_000)],
  ['compiled code', read('node_modules/typescript/lib/_tsc.js').slice(0, 4_000)],
  ['URLs and hashes', read('package-lock.json').slice(20_000, 24_000)],
  ['SVG', read('docs/architecture.svg').slice(0, 4_000)],
  ['SQL', read('subgraphs/relational/migrations/0001_relational.sql').slice(0, 4_000)],
];

/** Bytes that look random, and are the same each time. */
const bytes = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count / 32 }, (_, index) => createHash('sha256').update(`${index}`).digest()));
const chosen = (alphabet: string): string => {
  const characters = [...alphabet];
  return [...bytes(1_504)].map((byte) => characters[byte % characters.length]).join('');
};
const every = (count: number, text: string, separator: string): string =>
  text.replace(new RegExp(`.{${count}}`, 'gsu'), `$&${separator}`);
const range = (from: number, count: number, step = 1): string =>
  Array.from({ length: 256 }, (_, index) => String.fromCodePoint(from + ((index * step) % count))).join('');

const SMALL = 'abcdefghijklmnopqrstuvwxyz';
const LETTERS = SMALL + SMALL.toUpperCase();

/** What is no prose, and prose in more scripts: all that tokenisers make many tokens of. */
export const others: readonly (readonly [string, string])[] = [
  ...all('cs tr pt-br zh-tw', diagnostics, 2_000),
  ...all('ar ckb el fa he hi hy ka km lt ta th uk ur vi', messages, 2_000),
  ['base64', bytes(1_504).toString('base64')],
  ['base64 in lines', every(64, bytes(1_504).toString('base64'), '\n')],
  ['base64url', bytes(1_504).toString('base64url')],
  ['base32', every(64, chosen(`${SMALL.toUpperCase()}234567`), '\n')],
  ['base58', every(64, chosen(LETTERS.replace(/[lIO]/g, '') + '123456789'), '\n')],
  ['hex', every(64, bytes(768).toString('hex'), '\n')],
  ['hex in capitals', every(64, bytes(768).toString('hex').toUpperCase(), '\n')],
  ['hex in words', every(8, bytes(768).toString('hex'), ' ')],
  ['DNA', every(70, chosen('ACGT'), '\n')],
  ['DNA in small letters', every(60, chosen('acgt'), '\n')],
  ['proteins', every(60, chosen('ACDEFGHIKLMNPQRSTVWY'), '\n')],
  ['random letters', chosen(SMALL)],
  ['random words', every(8, chosen(SMALL), ' ')],
  ['random words in capitals', every(12, chosen(SMALL.toUpperCase()), ' ')],
  ['random letters of both cases', every(20, chosen(LETTERS), ' ')],
  ['invented words', every(7, chosen('aeioubcdfgklmnprst'), ' ')],
  ['prose in capitals', read('node_modules/fast-check/README.md').slice(0, 4_000).toUpperCase()],
  ['names in code', 'getUserByIdXmlHttpRequest.IOError.toJSON.parseURLSearchParams.'.repeat(25)],
  ['digits', every(64, chosen('0123456789'), '\n')],
  ['numbers', every(9, chosen('0123456789.,-'), ' ')],
  ['marks', chosen('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~')],
  ['all of ASCII', chosen(Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join(''))],
  ['a table', `|${' --- |'.repeat(12)}\n`.repeat(25)],
  ['a frame', '┌──┬──┐\n│  │  │\n├──┼──┤\n└──┴──┘\n'.repeat(60)],
  ['white space', chosen(' \n\t')],
  ['spaces', ' '.repeat(1_500)],
  ['lines', '\n'.repeat(1_500)],
  ['tabs', '\t'.repeat(1_500)],
  ['emoji', every(12, chosen(range(0x1f300, 0x2ff, 3)), ' ')],
  ['families', '👨‍👩‍👧‍👦🏳️‍🌈 '.repeat(60)],
  ['flags', '🇩🇪🇫🇷🇯🇵 '.repeat(100)],
  ['mathematics', '∑∏∫√∞≈≠≤≥⊂⊃∀∃∈∉∪∩αβγδεζηθλμπρστφψω '.repeat(60)],
  ['random Greek', every(12, chosen('αβγδεζηθικλμνξοπρστυφχψω'), ' ')],
  ['random Cyrillic', every(12, chosen('абвгдежзийклмнопрстуфхцчшщъыьэюя'), ' ')],
  ['random Arabic', every(12, chosen('ابتثجحخدذرزسشصضطظعغفقكلمنهوي'), ' ')],
  ['random Hebrew', every(12, chosen('אבגדהוזחטיכלמנסעפצקרשת'), ' ')],
  [
    'random letters with marks',
    every(12, chosen('àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćčďđēęěğīıłńňőœřśşšţťūůűźżž'), ' '),
  ],
  ['marks of their own', every(12, chosen('a\u0300\u0301\u0302\u0303\u0304\u0316\u0317'), ' ')],
  ['random kana', every(12, chosen('あいうえおかきくけこさしすせそたちつてとアイウエオカキクケコヴヱヰヽゞ'), ' ')],
  ['kana of half width', every(12, chosen('ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄ'), ' ')],
  ['letters of full width', every(12, chosen('ＡＢＣＤＥＦＧＨａｂｃｄｅｆ０１２'), ' ')],
  ['ideographs beyond the first plane', every(12, chosen(range(0x20000, 0xa6df, 7_919)), ' ')],
];

/** Ideographs by their numbers: most are in no vocabulary, and become their three bytes. */
export const rareIdeographs = chosen(range(0x4e00, 0x51a5, 79));
