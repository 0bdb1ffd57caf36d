// What a process of process.ts runs: it opens one file to read it, and answers `{ id, sql, parameters }` with `{ id, rows }` or
// `{ id, error }`. Plain JavaScript: it starts in the time that a connection takes, and is ended where a statement takes too long.
import { open, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { bucketOf } from '#subgraphs/shared/aggregates/buckets.mjs';
import { ExactSum, multipleBelow } from '#subgraphs/shared/aggregates/exact-sum.mjs';
import { decimalOfForm, ENCODED, formOf, timeOfForm } from './forms.mjs';
import { jsonAt, jsonItems, jsonSize, jsonText } from './json.mjs';

/** What a file of SQLite begins with. */
const HEADER = 'SQLite format 3\0';

let opened;
const patterns = new Map();

/** A pattern is compiled once for all rows of a statement. */
function patternOf(source, flags) {
  const name = `${flags}/${source}`;
  let pattern = patterns.get(name);
  if (pattern === undefined) {
    patterns.clear();
    patterns.set(name, (pattern = new RegExp(source, flags)));
  }
  return pattern;
}

/** Texts come as bytes: the client would end them at a NUL. */
const holds = (bytes, test) => (bytes === null ? null : Number(test(Buffer.from(bytes).toString())));
const MARK = Buffer.from(ENCODED);
const FUNCTIONS = {
  tributary_form: (kind, value) => formOf(kind, value),
  tributary_text: (value) =>
    value === null ? null : value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value),
  tributary_plain: (bytes) =>
    Number(isUtf8(bytes) && !bytes.includes(0) && !MARK.equals(bytes.subarray(0, MARK.length))),
  tributary_bytes: (text) => (text === null ? null : Buffer.from(text, 'base64')),
  tributary_contains: (bytes, part) => holds(bytes, (text) => text.toLowerCase().includes(part)),
  tributary_starts: (bytes, part) => holds(bytes, (text) => text.startsWith(part)),
  tributary_ends: (bytes, part) => holds(bytes, (text) => text.endsWith(part)),
  tributary_matches: (bytes, source, flags) => holds(bytes, (text) => patternOf(source, flags).test(text)),
  tributary_bucket: (form, bucket, zone) => (form === null ? null : bucketOf(form, bucket, zone ?? undefined)),
  tributary_width: (kind, value, width) => {
    if (value === null) return null;
    if (kind === 'float') return Math.floor(Number(value) / Number(width)) * Number(width);
    return formOf('decimal', multipleBelow(kind === 'decimal' ? decimalOfForm(value) : String(value), width));
  },
  tributary_decimal: (form) => (form === null ? null : decimalOfForm(form)),
  tributary_json_at: jsonAt,
  tributary_json_text: jsonText,
  tributary_json_size: jsonSize,
  tributary_json_items: jsonItems,
  tributary_time: (form) => (form === null ? null : timeOfForm(form)),
};

/** Sums of the statement that runs, by number: the client carries no objects from row to row. */
const sums = new Map();
let begun = 0;

/** Of whole numbers, and of forms of decimals; the results are such forms. */
const exactly = (result) => ({
  start() {
    sums.set(++begun, new ExactSum());
    return begun;
  },
  step(sum, value) {
    if (value !== null) sums.get(Number(sum)).add(typeof value === 'string' ? decimalOfForm(value) : String(value));
    return sum;
  },
  result: (sum) => formOf('decimal', result(sums.get(Number(sum)))),
});
const AGGREGATES = {
  tributary_sum: exactly((sum) => sum.sum()),
  tributary_avg: exactly((sum) => sum.average()),
};

/** The client has no code for what fails while rows are read, nor for why a change is refused; these are SQLite's own words. */
const CODES = [
  [/^no such (table|column|module)/, 'CHANGED'],
  [/^database (table )?is locked/, 'BUSY'],
  [/^database disk image is malformed/, 'CORRUPT'],
  [/^unable to open database file/, 'REFUSED'],
  [/^file is not a database/, 'NO_DATABASE'],
  [/^attempt to write a readonly database/, 'READ_ONLY'],
  [/^UNIQUE constraint failed/, 'UNIQUE'],
  [/^NOT NULL constraint failed/, 'NOT_NULL'],
  [/^CHECK constraint failed/, 'CHECK'],
  [/^FOREIGN KEY constraint failed/, 'FOREIGN_KEY'],
  [/^cannot store \w+ value in \w+ column|^datatype mismatch|^string or blob too big/, 'DATATYPE'],
  [/^database or disk is full/, 'FULL'],
];
/** Of what is not a change that is refused, some of SQLite's own words. */
const OWN =
  /^(disk I\/O error|out of memory|interrupted|no such|near ".*": syntax error|too many|bad parameter|locking protocol|cannot (commit|start|rollback))/;
const CONSTRAINT = 19;
const codeOf = ({ told, errcode, code, message }, sql = '') => {
  const known = told ?? CODES.find(([words]) => words.test(message))?.[1];
  if (known !== undefined) return known;
  // Whatever else a change fails by are words of a trigger.
  const isRefused = errcode === undefined ? !OWN.test(message) : (errcode & 0xff) === CONSTRAINT;
  return isRefused && /^(insert|update|delete) /i.test(sql) ? 'RULE' : (errcode ?? code);
};

const told = (code, message) => Object.assign(new Error(message), { told: code });

/** The file as it is now: one that was put in its place is another database. */
async function database({ file, busyMs, writes }) {
  const found = await stat(file).catch((error) => {
    throw told(error.code === 'ENOENT' ? 'MISSING' : 'REFUSED', error.message);
  });
  if (!found.isFile()) throw told('NO_FILE', 'It is no file.');
  if (opened?.device === found.dev && opened.inode === found.ino) return opened.database;
  opened?.database.close();
  opened = undefined;
  const handle = await open(file).catch((error) => {
    throw told('REFUSED', error.message);
  });
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(HEADER.length), 0, HEADER.length, 0);
    if (bytesRead > 0 && buffer.toString('latin1') !== HEADER) throw told('NO_DATABASE', 'It has another header.');
  } finally {
    await handle.close();
  }
  const { DatabaseSync } = await import('@photostructure/sqlite').catch((error) => {
    throw told('NO_CLIENT', error.message);
  });
  const made = new DatabaseSync(file, {
    readOnly: !writes,
    timeout: busyMs,
    allowExtension: false,
    enableForeignKeyConstraints: true,
  });
  // Views of the file call no function but SQLite's own that only read.
  made.exec(`PRAGMA query_only = ${writes ? 'OFF' : 'ON'}; PRAGMA trusted_schema = OFF`);
  for (const [name, work] of Object.entries(FUNCTIONS))
    made.function(name, { deterministic: true, useBigIntArguments: true, varargs: true }, work);
  for (const [name, work] of Object.entries(AGGREGATES))
    made.aggregate(name, { deterministic: true, useBigIntArguments: true, ...work });
  opened = { database: made, device: found.dev, inode: found.ino };
  return made;
}

let settings;
process.on('message', async (message) => {
  if (message.settings !== undefined) {
    settings = message.settings;
    return;
  }
  const { id, sql, parameters } = message;
  try {
    const statement = (await database(settings)).prepare(sql);
    statement.setReadBigInts(true);
    process.send({ id, rows: statement.all(...parameters) });
  } catch (error) {
    process.send({ id, error: { code: codeOf(error, sql), message: error.message } });
  } finally {
    sums.clear();
  }
});
// The gateway has ended, however it did.
process.on('disconnect', () => process.exit());
