/** The formats that can be read: by the endings of their names, by their media types, and by how they begin. */
import { extname } from 'node:path/posix';
import { EXTRACTION } from './bounds.ts';

/** A format, as `metadata.format` has it. */
export type Format =
  'markdown' | 'text' | 'html' | 'pdf' | 'docx' | 'pptx' | 'xlsx' | 'csv' | 'json' | 'json-lines' | 'email' | 'source';

interface FormatEntry {
  /** As people call it. */
  readonly told: string;
  readonly endings: readonly string[];
  readonly mediaTypes: readonly string[];
  /** Whether it is text, whose encoding has to be found out; others are bytes. */
  readonly isText: boolean;
}

const OFFICE = 'application/vnd.openxmlformats-officedocument';

/** Every format. */
export const FORMATS: Readonly<Record<Format, FormatEntry>> = {
  markdown: {
    told: 'Markdown',
    endings: ['md', 'markdown', 'mdx'],
    mediaTypes: ['text/markdown', 'text/x-markdown'],
    isText: true,
  },
  text: { told: 'text', endings: ['txt', 'text', 'rst', 'adoc'], mediaTypes: ['text/plain'], isText: true },
  html: {
    told: 'HTML',
    endings: ['html', 'htm', 'xhtml'],
    mediaTypes: ['text/html', 'application/xhtml+xml'],
    isText: true,
  },
  pdf: { told: 'PDF', endings: ['pdf'], mediaTypes: ['application/pdf'], isText: false },
  docx: {
    told: 'DOCX',
    endings: ['docx', 'docm'],
    mediaTypes: [`${OFFICE}.wordprocessingml.document`],
    isText: false,
  },
  pptx: {
    told: 'PPTX',
    endings: ['pptx', 'pptm'],
    mediaTypes: [`${OFFICE}.presentationml.presentation`],
    isText: false,
  },
  xlsx: { told: 'XLSX', endings: ['xlsx', 'xlsm'], mediaTypes: [`${OFFICE}.spreadsheetml.sheet`], isText: false },
  csv: {
    told: 'CSV',
    endings: ['csv', 'tsv'],
    mediaTypes: ['text/csv', 'text/tab-separated-values'],
    isText: true,
  },
  json: { told: 'JSON', endings: ['json', 'geojson'], mediaTypes: ['application/json'], isText: true },
  'json-lines': {
    told: 'JSON Lines',
    endings: ['jsonl', 'ndjson'],
    mediaTypes: ['application/jsonl', 'application/x-ndjson', 'application/x-jsonlines'],
    isText: true,
  },
  email: { told: 'an e-mail', endings: ['eml'], mediaTypes: ['message/rfc822'], isText: true },
  source: { told: 'source code', endings: [], mediaTypes: [], isText: true },
};

/** Languages of source code by the endings of their files, as fences of Markdown name them. */
const LANGUAGES: ReadonlyMap<string, string> = new Map(
  Object.entries<string>({
    ...endingsOf('javascript', 'js mjs cjs jsx'),
    ...endingsOf('typescript', 'ts mts cts'),
    ...endingsOf('tsx', 'tsx'),
    ...endingsOf('python', 'py pyi'),
    ...endingsOf('java', 'java'),
    ...endingsOf('cpp', 'c h cc cpp cxx hh hpp hxx'),
    ...endingsOf('rust', 'rs'),
    ...endingsOf('go', 'go'),
    ...endingsOf('php', 'php'),
    ...endingsOf('csharp', 'cs'),
    ...endingsOf('kotlin', 'kt kts'),
    ...endingsOf('ruby', 'rb'),
    ...endingsOf('swift', 'swift'),
    ...endingsOf('scala', 'scala'),
    ...endingsOf('dart', 'dart'),
    ...endingsOf('lua', 'lua'),
    ...endingsOf('perl', 'pl pm'),
    ...endingsOf('r', 'r'),
    ...endingsOf('elixir', 'ex exs'),
    ...endingsOf('haskell', 'hs'),
    ...endingsOf('clojure', 'clj cljs'),
    ...endingsOf('sh', 'sh bash zsh'),
    ...endingsOf('powershell', 'ps1'),
    ...endingsOf('sql', 'sql'),
    ...endingsOf('graphql', 'graphql gql'),
    ...endingsOf('proto', 'proto'),
    ...endingsOf('hcl', 'tf'),
    ...endingsOf('css', 'css scss less'),
    ...endingsOf('vue', 'vue'),
    ...endingsOf('svelte', 'svelte'),
    ...endingsOf('yaml', 'yaml yml'),
    ...endingsOf('toml', 'toml'),
    ...endingsOf('ini', 'ini cfg'),
    ...endingsOf('xml', 'xml xsd'),
  }),
);

function endingsOf(language: string, endings: string): Record<string, string> {
  return Object.fromEntries(endings.split(' ').map((ending) => [ending, language]));
}

/** A name's ending, in small letters and without its dot; empty where it has none. */
const endingOf = (name: string): string => extname(name).slice(1).toLowerCase();

const BY_ENDING: ReadonlyMap<string, Format> = new Map([
  ...[...LANGUAGES.keys()].map((ending) => [ending, 'source'] as const),
  ...Object.entries(FORMATS).flatMap(([format, { endings }]) =>
    endings.map((ending) => [ending, format as Format] as const),
  ),
]);
const BY_MEDIA_TYPE: ReadonlyMap<string, Format> = new Map(
  Object.entries(FORMATS).flatMap(([format, { mediaTypes }]) =>
    mediaTypes.map((mediaType) => [mediaType, format as Format] as const),
  ),
);

/** The format of a file by its name; undefined where its ending says nothing. */
export const formatOfName = (name: string): Format | undefined => BY_ENDING.get(endingOf(name));

/** The format of a media type, whatever its parameters; undefined where nothing reads it. */
export const formatOfMediaType = (mediaType: string): Format | undefined =>
  BY_MEDIA_TYPE.get(mediaType.split(';', 1)[0]!.trim().toLowerCase());

/** The language of source code, by the name of its file. */
export const languageOf = (name: string): string | undefined => LANGUAGES.get(endingOf(name));

/** Every ending that is read, with its dot, in alphabetical order. */
export const ALL_ENDINGS: readonly string[] = [...BY_ENDING.keys()].map((ending) => `.${ending}`).sort();

const begins = (bytes: Uint8Array, signature: string): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(signature.length, bytes.byteLength)).toString('latin1') ===
  signature;

/** What the first bytes of a file say that it is: a PDF, a ZIP archive, or the container of older and of locked Office files. */
export function signatureOf(bytes: Uint8Array): 'pdf' | 'zip' | 'ole' | 'pdf later' | undefined {
  if (begins(bytes, '%PDF-')) return 'pdf';
  if (begins(bytes, 'PK\u0003\u0004') || begins(bytes, 'PK\u0005\u0006')) return 'zip';
  if (begins(bytes, '\u00d0\u00cf\u0011\u00e0\u00a1\u00b1\u001a\u00e1')) return 'ole';
  // Mail gateways put lines before it, and readers have learned to look further.
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(EXTRACTION.signatureBytes, bytes.byteLength));
  return start.includes('%PDF-') ? 'pdf later' : undefined;
}
