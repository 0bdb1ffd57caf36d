import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of reading the text of files: what is past them costs that file, or the end of its text, and is said. */
export const EXTRACTION = bounds('subgraphs/shared/extraction', 'limits', {
  fileBytes: {
    what: 'The longest file of a binary format (PDF, DOCX, PPTX, XLSX) that is read.',
    unit: 'bytes',
    default: 64 * 1024 * 1024,
  },
  textFileBytes: {
    what: 'The longest file of a format that is text (HTML, CSV, JSON, e-mail, source code) that is read.',
    unit: 'bytes',
    default: 16 * 1024 * 1024,
  },
  textBytes: {
    what: 'The longest text that is made of a file; what is longer ends there, and says so (`truncated`). `upsertDocument` takes no more.',
    unit: 'bytes',
    default: 2 * 1024 * 1024,
  },
  ms: {
    what: 'The longest time for one file, the start of a thread included.',
    unit: 'ms',
    default: 30_000,
  },
  heapMb: { what: "The most memory of V8's heap that one file may take.", unit: 'MiB', default: 384 },
  arrayBytes: {
    what: 'The longest array of bytes that may be made while one is read, as where a PDF unpacks its streams.',
    unit: 'bytes',
    default: 128 * 1024 * 1024,
  },
  waiting: {
    what: 'The most files of one tenant that wait to be read; further ones are refused (`RATE_LIMITED`).',
    unit: 'files',
    default: 20,
  },
  idleMs: { what: 'How long a thread that has read files stays for the next one.', unit: 'ms', default: 10_000 },
  archiveEntries: {
    what: 'The most files in an Office document, which is a ZIP archive.',
    unit: 'files',
    default: 5_000,
  },
  archiveBytes: {
    what: 'The longest that those of them that are read may be together when they are unpacked.',
    unit: 'bytes',
    default: 96 * 1024 * 1024,
  },
  archiveRatio: {
    what: 'How many times as long as it is packed one of them may be, from `archiveRatioBytes` on.',
    unit: 'times',
    default: 200,
  },
  archiveRatioBytes: {
    what: 'Up to what length unpacked the ratio is not asked: empty sheets pack well.',
    unit: 'bytes',
    default: 4 * 1024 * 1024,
  },
  htmlDepth: {
    what: 'The deepest nesting of elements in HTML; what is deeper is not read.',
    unit: 'levels',
    default: 10_000,
  },
  htmlStep: {
    what: 'How much HTML is given to its parser at once, and how long the lines of a list become before they are written.',
    unit: 'characters',
    default: 16 * 1024,
  },
  hrefCharacters: { what: 'The longest target of a link that is kept.', unit: 'characters', default: 2_000 },
  nesting: {
    what: 'The deepest nesting of JSON that is laid out; what is deeper stays as it is written.',
    unit: 'levels',
    default: 12,
  },
  columns: {
    what: 'The most columns of a table; further ones are left out, and that is said.',
    unit: 'columns',
    default: 256,
  },
  tableColumns: {
    what: 'The most columns of records in JSON that are laid out as a table; wider ones are lists.',
    unit: 'columns',
    default: 12,
  },
  cellCharacters: {
    what: 'The longest text of a cell of such a table; where one is longer, the records are lists.',
    unit: 'characters',
    default: 200,
  },
  mailNesting: { what: 'The deepest nesting of parts in an e-mail.', unit: 'levels', default: 32 },
  mailHeaderBytes: { what: 'The longest headers of an e-mail.', unit: 'bytes', default: 1024 * 1024 },
  jsonHeadings: {
    what: 'How many levels of JSON become headings; what lies deeper becomes lists. Repeating more would leave little of a passage.',
    unit: 'levels',
    default: 4,
  },
  pdfHeadings: { what: 'How many sizes of letters in a PDF become levels of headings.', unit: 'levels', default: 3 },
  fewLines: {
    what: 'Declarations of fewer lines stand with their neighbours, without a heading.',
    unit: 'lines',
    default: 3,
  },
  memberCharacters: {
    what: 'From what length of a class on its members have headings of their own.',
    unit: 'characters',
    default: 1_000,
  },
  memberLevels: { what: 'How deep classes within classes are divided so.', unit: 'levels', default: 3 },
  pages: { what: 'The most pages of a PDF that are read.', unit: 'pages', default: 5_000 },
  headingCharacters: { what: 'The longest line of a PDF that may be a heading.', unit: 'characters', default: 150 },
  titleCharacters: { what: 'The longest title; a longer one is cut.', unit: 'characters', default: 200 },
  factCharacters: {
    what: 'The longest author, sender or other thing that a file says of itself that is kept.',
    unit: 'characters',
    default: 500,
  },
  reasonCharacters: { what: 'The longest reason why a file cannot be read.', unit: 'characters', default: 300 },
  detectedBytes: { what: 'How much of a text its encoding is told from.', unit: 'bytes', default: 64 * 1024 },
  detectedConfidence: { what: 'How likely an encoding must be that a file does not name.', unit: '%', default: 25 },
  detectedLetters: {
    what: 'How many letters beyond ASCII a text must have to be in another encoding than Windows-1252, where it may be that.',
    unit: 'letters',
    default: 8,
  },
  declarationBytes: {
    what: 'How far HTML is looked through for what it says of its encoding.',
    unit: 'bytes',
    default: 4_096,
  },
  signatureBytes: { what: 'How far the beginning of a PDF is looked for.', unit: 'bytes', default: 1_024 },
});
