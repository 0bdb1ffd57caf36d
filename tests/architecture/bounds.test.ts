import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';
import { describe, expect, test } from 'vitest';

import { loadConfig } from '#gateway/config/config.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { BOUNDS } from '#gateway/bounds/index.ts';
import { ROOT, sourceFiles } from '#ops/architecture/imports.ts';
import { COMPARE } from '#ops/compare/bounds.ts';
import { EMBEDDED } from '#ops/embedded/bounds.ts';
import { INTROSPECT } from '#ops/graph-introspect/bounds.ts';
import { INGEST } from '#ops/ingest/bounds.ts';
import { MCP } from '#ops/mcp/bounds.ts';
import { BACKUP } from '#ops/backup/bounds.ts';
import { CONFIG } from '#ops/config/bounds.ts';
import { DOCTOR } from '#ops/doctor/bounds.ts';
import { ERASURE } from '#ops/erasure/bounds.ts';
import { KEYS } from '#ops/keys/bounds.ts';
import { PERSIST } from '#ops/persist/bounds.ts';
import { SERVE } from '#ops/serve/bounds.ts';
import { INIT } from '#ops/sources/bounds.ts';
import { tableOf, type Bound, type Bounds } from '#subgraphs/shared/bound.ts';

/*
 * Bounds of resources (time-outs, sizes, queues, caches, retries, intervals) are declared in tables: `gateway/bounds/`,
 * and each `bounds.ts`. Elsewhere, a number that stands where bounds do fails a test here: declare it, or
 * add it to `NO_BOUNDS` with the reason.
 */

/** Numbers that stand where bounds do and are none: `<file>`, or `<file>: <part of the line>`; by reason. */
const NO_BOUNDS: Readonly<Record<string, readonly string[]>> = {
  'Codes of characters and of protocols.': [
    'gateway/agents/mcp/codes.ts',
    'gateway/agents/calls.ts: 0xdc00',
    'gateway/execute/clients/graphql-response.ts: BYTE_ORDER_MARK',
    'gateway/http/json-bounds.ts',
    'gateway/subscribe/frames.ts',
    'gateway/subscribe/websocket.ts: RESUME',
    'gateway/subscribe/websocket.ts: TRY_AGAIN_LATER',
    'gateway/errors.ts: status:',
    'subgraphs/inference/drivers/hashing/tokens.ts',
    'subgraphs/inference/drivers/openai/excess.ts: OF_SOMETHING_ELSE',
    'subgraphs/inference/drivers/openai/refusal.ts: value >= 400',
    'subgraphs/inference/drivers/openai/refusal.ts: /i, ',
    'subgraphs/inference/drivers/openai/refusal.ts: statusOfKind',
    'subgraphs/inference/drivers/openai/rerank.ts: NOT_IMPLEMENTED',
    'subgraphs/inference/drivers/openai/rerank.ts: NOT_SERVED',
    'subgraphs/inference/drivers/openai/rerank.ts: REFUSED',
    'subgraphs/runs/drivers/temporal/index.ts: INVALID_ARGUMENT = ',
    'subgraphs/runs/drivers/temporal/index.ts: DEADLINE_EXCEEDED = ',
    'subgraphs/runs/drivers/temporal/index.ts: PERMISSION_DENIED = ',
    'subgraphs/runs/drivers/temporal/index.ts: RESOURCE_EXHAUSTED = ',
    'subgraphs/runs/drivers/temporal/index.ts: UNAVAILABLE = ',
    'subgraphs/runs/drivers/temporal/index.ts: UNAUTHENTICATED = ',
    'subgraphs/runs/drivers/rabbitmq/index.ts: NOT_FOUND = ',
    'subgraphs/shared/code-points.ts',
    'subgraphs/shared/graphemes.ts: 0xdc00',
    'subgraphs/shared/splitting.ts: 0xd800',
    'subgraphs/vector/drivers/postgres/exact.ts: ARRAY_HEADER',
    'subgraphs/vector/drivers/postgres/exact.ts: ELEMENT',
    'subgraphs/shared/markdown/parser.ts: LONGEST_HOST',
    'subgraphs/shared/markdown/rules/wiki-link.ts: OPEN',
  ],
  'Upper ends of the buckets of metrics.': [
    'gateway/telemetry/metrics.ts: SECONDS',
    'gateway/telemetry/metrics.ts: OBJECTS',
    'gateway/telemetry/metrics.ts: TOKENS',
  ],
  'Parts of a format of files, which those that are there have already.': [
    'subgraphs/object/drivers/files/names.ts: CHUNK',
    'subgraphs/object/drivers/files/record.ts: TRAILER_BYTES',
    'subgraphs/shared/extraction/readers/xlsx-dates.ts',
  ],
  'How pages are set, by which headings and paragraphs are told.': [
    'subgraphs/shared/extraction/readers/pdf.ts: APART',
    'subgraphs/shared/extraction/readers/pdf.ts: LARGER',
  ],
  'Defaults of a published specification.': [
    'subgraphs/shared/conditions.ts: defaultValue: 500',
    'subgraphs/shared/conditions.ts: defaultValue: 200',
  ],
  'Ranges of addresses, by their prefixes.': ["subgraphs/runs/dispatch/webhook-addresses.ts: ['"],
  'The range of a type of GraphQL.': [
    'gateway/respond/leaves.ts: MAX_INT',
    'subgraphs/inference/drivers/openai/token-count.ts: MAX',
  ],
  'Parts of a version of a model: other numbers would be another model.': [
    'subgraphs/inference/drivers/hashing/index.ts: HASHING_DIMENSIONS',
    'subgraphs/inference/drivers/hashing/index.ts: BOUNDARY',
    'subgraphs/inference/drivers/hashing/index.ts: SEED',
    'subgraphs/inference/drivers/static/index.ts: STATIC_DIMENSIONS',
    'subgraphs/inference/drivers/static/table.ts',
    'subgraphs/inference/drivers/static/wordpiece.ts',
  ],
  'Parts of a version of what is stored of a text: others would be another version.': [
    'subgraphs/shared/terms/terms.ts: LONGEST_WHOLE',
    'subgraphs/shared/terms/terms.ts: LONGEST_ATOM',
    'subgraphs/vector/keywords/query.ts: SHORTEST_PREFIX',
  ],
  'What a column of PostgreSQL takes.': [
    'subgraphs/vector/drivers/postgres/keywords.ts: LAST_POSITION',
    'subgraphs/vector/drivers/postgres/keywords.ts: POSITIONS',
    'subgraphs/vector/drivers/postgres/keywords.ts: BYTES',
  ],
  'A part of an algorithm.': ['subgraphs/inference/summaries/extractive.ts: ITERATIONS'],
  'The size of a table that grows, and where the number of its texts wraps around.': [
    'subgraphs/inference/drivers/hashing/index.ts: #capacity = ',
    'subgraphs/inference/drivers/hashing/index.ts: 0xffff_fff0',
  ],
  'The range of a column.': [
    'gateway/conditions/sorted-order.ts: ENDLESS',
    'subgraphs/sources/model/fits.ts: LAST_YEAR',
    'subgraphs/graph/schema/cursors.ts: 2 ** 31',
    'subgraphs/relational/index.ts: 0x7fffffff',
    'subgraphs/relational/schema/children.ts: 0x7fffffff',
  ],
  'A share of a chunk, and what models add to a text.': [
    'subgraphs/relational/documents/chunking.ts: FRAME',
    'subgraphs/relational/documents/chunking.ts: FURTHER_TOKENS',
  ],
  'A version of an algorithm, or of what is kept.': [
    'subgraphs/relational/documents/chunking.ts: CHUNKING',
    'ops/ingest/first-run.ts: CORPUS_VERSION',
  ],
  'What decimals of MySQL and MariaDB hold, and how many digits their averages have.': [
    'subgraphs/sources/drivers/clickhouse/types.ts: DIGITS',
    'subgraphs/sources/drivers/mysql/aggregates.ts: DIGITS',
    'subgraphs/sources/drivers/mysql/values.ts: DIGITS',
    'subgraphs/sources/drivers/mysql/flavours.ts: scale',
    'subgraphs/sources/drivers/mysql/aggregates.ts: digits = 20',
  ],
  'How SQLite counts time, which decimals have a place in its order, how many digits its numbers keep, and its code of constraints.':
    [
      'subgraphs/sources/drivers/sqlite/values.ts: DOUBLE_DIGITS',
      'subgraphs/sources/drivers/sqlite/reader.mjs: CONSTRAINT',
      'subgraphs/sources/drivers/sqlite/forms.mjs: DAY_MS',
      'subgraphs/sources/drivers/sqlite/forms.mjs: JULIAN',
      'subgraphs/sources/drivers/sqlite/forms.mjs: MILLISECONDS',
      'subgraphs/sources/drivers/sqlite/forms.mjs: LARGEST',
      'subgraphs/sources/drivers/sqlite/forms.mjs: isJulian',
      'subgraphs/sources/drivers/sqlite/forms.mjs: 8.64e15',
    ],
  'How long minutes and hours are, and to how many digits averages are told, as PostgreSQL has them.': [
    'subgraphs/shared/aggregates/buckets.mjs: MINUTE',
    'subgraphs/shared/aggregates/buckets.mjs: HOUR',
    'subgraphs/shared/aggregates/exact-sum.mjs: AVERAGED',
  ],
  'In steps of how many days a time zone is looked at.': ['subgraphs/sources/drivers/mysql/zones.ts: STEP'],
  'How many stores follow a document.': ['subgraphs/relational/schema/documents.ts: assumedSize'],
  'Kinds of steps, told apart by number.': ['gateway/respond/shape-plan.ts'],
  'Weights: what is worth how much.': [
    'gateway/agents/schema-entries.ts: WORD',
    'gateway/agents/schema-ranking.ts: KIND',
    'gateway/agents/schema-ranking.ts: WANTED',
    'gateway/plan/cost/static-cost.ts: ASSUMED_SIZE',
    'gateway/plan/cost/static-cost.ts: MUTATION_WEIGHT',
    'subgraphs/shared/cost.ts',
  ],
  'What a model is taken for, where its variable says nothing.': ['gateway/config/config.ts: USUAL_MAX_TOKENS'],
  'An estimate of what a bound is charged.': [
    'gateway/plan/plan-cache.ts: MEMORY_PER_BYTE',
    'subgraphs/runs/events/json-patch.ts: KEY_COST',
    'subgraphs/vector/drivers/qdrant/points.ts: BYTES_OF_NUMBER',
  ],
  'Units of time.': ['gateway/limits/rate-names.ts: UNIT_MS'],
  'Versions of stores.': [
    'subgraphs/shared/neo4j/errors.ts: OLDEST_NEO4J',
    'subgraphs/shared/postgres/errors.ts: OLDEST_POSTGRES',
    'subgraphs/vector/drivers/postgres/extension.ts: OLDEST_PGVECTOR',
    'subgraphs/sources/drivers/clickhouse/index.ts: OLDEST',
  ],
  'Names of locks.': [
    'subgraphs/shared/postgres/migrations.ts: MIGRATION_LOCK',
    'subgraphs/vector/drivers/postgres/ann.ts: INDEX_LOCK',
    'subgraphs/vector/drivers/model-renewer.ts: RENEWAL_LOCK',
  ],
  "What pgvector's index takes.": ['subgraphs/vector/drivers/postgres/ann.ts: MAX_INDEXED'],
  'Constants of formulas.': [
    'subgraphs/vector/exact/codes.ts: ROW_LEVELS',
    'subgraphs/vector/exact/codes.ts: QUERY_LEVELS',
    'subgraphs/vector/exact/codes.ts: SUM_LIMIT',
    'subgraphs/vector/exact/kernel.mjs: PIECE',
    'subgraphs/shared/tokens.ts',
    'subgraphs/vector/drivers/qdrant/sparse.ts: AVERAGE_LENGTH',
    'subgraphs/vector/drivers/qdrant/sparse.ts: PREFIXES',
    'subgraphs/vector/keywords/bm25.ts: BM25',
  ],
  'How numbers are written, and how many digits a double holds.': ['subgraphs/shared/exact-number.ts'],
  'The longest text that a pattern beside it matches.': ['gateway/plan/foreign-operators.ts: END'],
  'A share of a bound.': [
    'gateway/plan/process/planner-pool.ts: SLOW_SHARE',
    'gateway/plan/process/planner-pool.ts: WORKED_SHARE',
    'gateway/plan/process/planner-pool.ts: PATIENCE_SHARE',
  ],
  'How long a day is.': ['subgraphs/relational/schema/api-keys.ts: DAY_MS'],
  'How Linux counts.': ['gateway/plan/process/cpu-time.ts: TICKS'],
  'Keeps a number finite before a bound is applied.': [
    'gateway/indexing/indexer.ts: 2 ** Math.min(attempts, 20)',
    'subgraphs/shared/backoff.ts: 2 ** Math.min(attempt - 1, 30)',
  ],
};

/** The tables by the names of their constants. */
const TABLES: Readonly<Record<string, Bounds<unknown>>> = {
  SERVE,
  EMBEDDED,
  INGEST,
  MCP,
  INTROSPECT,
  KEYS,
  CONFIG,
  DOCTOR,
  ERASURE,
  BACKUP,
  COMPARE,
  PERSIST,
  INIT,
  ...Object.fromEntries(Object.entries(BOUNDS).map(([room, table]) => [room.toUpperCase(), table])),
};
const entries = Object.entries(TABLES).flatMap(([constant, table]) =>
  Object.entries(tableOf(table).entries).map(([name, bound]) => ({ constant, name, bound })),
);
const isSettable = ({ variable }: Bound): boolean => variable !== undefined;

const isTable = (file: string): boolean => file.startsWith('gateway/bounds/') || file.endsWith('/bounds.ts');
const files = sourceFiles(['gateway', 'subgraphs', 'ops']);
const sources = new Map(
  files.filter((file) => !isTable(file)).map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]),
);
const code = [...sources.values()].join('\n');

/** A number that stands where bounds do. */
interface Stray {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The value of a number, or of arithmetic on numbers, as written. */
function numberOf(node: ts.Node): number | undefined {
  if (ts.isNumericLiteral(node)) return Number(node.text.replaceAll('_', ''));
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return numberOf(node.expression);
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [numberOf(node.left), numberOf(node.right)];
  if (left === undefined || right === undefined) return undefined;
  switch (node.operatorToken.kind) {
    case ts.SyntaxKind.AsteriskToken:
      return left * right;
    case ts.SyntaxKind.AsteriskAsteriskToken:
      return left ** right;
    case ts.SyntaxKind.PlusToken:
      return left + right;
    case ts.SyntaxKind.MinusToken:
      return left - right;
    default:
      return undefined;
  }
}

const BOUNDING =
  /(ms|millis|seconds|bytes|timeout|limit|size|retries|attempts|concurrency|batch|interval|age|delay|connections|backlog|depth|length|capacity|count|entries)$|^(max|most|longest)/i;
const COMPARISONS = new Set([
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
]);

/** Whether a number at `node` stands where bounds do: it names, defaults, caps, waits or compares. */
function bounds(node: ts.Node, value: number): boolean {
  const { parent } = node;
  // `const MAX_KEPT = 64`, `const PAUSE_MS = { first: 100 }`
  for (let up = parent; up !== undefined && !ts.isBlock(up) && !ts.isSourceFile(up); up = up.parent)
    if (ts.isVariableDeclaration(up) && /^[A-Z][A-Z0-9_]*$/.test(up.name.getText())) return value > 1;
  if (value < 3) return false;
  if (ts.isBinaryExpression(parent)) {
    // `options.pollMs ?? 2_000`, `text.length > 2_000`
    if (parent.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) return true;
    if (value < 100) return false;
    // `patienceMs + 5_000`
    if (parent.operatorToken.kind === ts.SyntaxKind.PlusToken) return /(Ms|Seconds|Bytes)$/.test(parent.left.getText());
    return COMPARISONS.has(parent.operatorToken.kind) && !/status|code/i.test(parent.getText());
  }
  // `{ timeoutMs = 10_000 }`
  if ((ts.isBindingElement(parent) || ts.isParameter(parent)) && parent.initializer === node) return true;
  // `{ timeout: 10_000 }`
  if (ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) return BOUNDING.test(parent.name.getText());
  // `setTimeout(act, 1_000)`, `AbortSignal.timeout(1_000)`, `.slice(0, 500)`, `Math.min(limit, 1_000)`, `.max(200)`
  if (!ts.isCallExpression(parent)) return false;
  const called = parent.expression.getText().split('.').at(-1)!;
  // A short `slice` is how much of a text an error repeats, or a part of a digest.
  if (called === 'slice') return value > 200;
  return value >= 10 && /^(setTimeout|setInterval|delay|wait|timeout|min|max|within)$/.test(called);
}

function straysIn(file: string, text: string): Stray[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const strays: Stray[] = [];
  const visit = (node: ts.Node): void => {
    const value = numberOf(node);
    if (value === undefined) return ts.forEachChild(node, visit);
    if (!bounds(node, value)) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    strays.push({ file, line: line + 1, text: text.split('\n')[line]!.trim() });
  };
  visit(source);
  return strays;
}

/** All strays, and what in `NO_BOUNDS` none of them needs. */
function judge(found: readonly Stray[]): { strays: string[]; needless: string[] } {
  const allowed = Object.values(NO_BOUNDS).flat();
  const needed = new Set<string>();
  const strays = found.filter(({ file, text }) => {
    const fitting = allowed.filter((each) => {
      const [path, part = ''] = each.split(/: (.*)/s);
      return path === file && text.includes(part);
    });
    for (const each of fitting) needed.add(each);
    return fitting.length === 0;
  });
  return {
    strays: [...new Set(strays.map(({ file, line, text }) => `${file}:${line} ${text}`))],
    needless: allowed.filter((each) => !needed.has(each)),
  };
}

describe('bounds of resources', () => {
  const isBounded = (file: string): boolean =>
    /^(gateway|ops\/(serve|embedded|ingest|reconcile|graph-introspect)|subgraphs\/(graph|graph-model|inference|object|relational|runs|shared|sources|vector))\//.test(
      file,
    ) || file === 'ops/ingest.ts';

  test('are declared in tables, and nowhere else', () => {
    const found = [...sources].filter(([file]) => isBounded(file)).flatMap(([file, text]) => straysIn(file, text));
    expect(judge(found)).toEqual({ strays: [], needless: [] });
  });

  test.each([
    'const MAX_KEPT = 64;',
    'const PAUSE_MS = { first: 100, most: 10_000 } as const;',
    'const read = ({ timeoutMs = 10_000 }) => timeoutMs;',
    'const timeoutMs = options.timeoutMs ?? 5_000;',
    'new Pool(origin, { connections: 16 });',
    'new LRUCache({ max: 2_000 });',
    'setTimeout(() => socket.terminate(), 5_000).unref();',
    'const signal = AbortSignal.timeout(10 * 1_000);',
    'const part = text.slice(0, 500);',
    'const width = Math.min(limit, 1_000);',
    'if (data.length > 1_000) return;',
    'start({ patienceMs: shutdownMs + 5_000 });',
  ])('are found: %s', (line) => {
    expect(judge(straysIn('gateway/plan/new.ts', line)).strays).toEqual([`gateway/plan/new.ts:1 ${line}`]);
  });

  test.each([
    'const found = names.slice(0, 2);',
    'const ok = response.statusCode === 200 || response.statusCode >= 500;',
    "response.writeHead(405, { allow: 'GET' });",
    'const timeoutMs = options.timeoutMs ?? PLAN.timeoutMs;',
  ])('are not: %s', (line) => expect(straysIn('gateway/plan/new.ts', line)).toEqual([]));

  test('are all used', () => {
    const unused = entries.filter(({ constant, name, bound }) => {
      if (!isSettable(bound)) return !new RegExp(`\\b${constant}\\.${name}\\b`).test(code);
      // What an operator sets reaches the room as an option of the same name, or is read where the rooms are put together.
      if (new RegExp(`\\bbounds\\.\\w+\\.${name}\\b`).test(code)) return false;
      const { room } = tableOf(TABLES[constant]!);
      return ![...sources].some(
        ([file, text]) => file.startsWith(`${room}/`) && new RegExp(`\\b${name}\\b`).test(text),
      );
    });
    expect(unused.map(({ constant, name }) => `${constant}.${name}`)).toEqual([]);
  });

  test('are options where an operator may set them, and their defaults only those of options', () => {
    const settable = entries
      .filter(({ bound }) => isSettable(bound))
      .map(({ constant, name }) => `${constant}\\.${name}`);
    const read = new RegExp(`(.*)\\b(${settable.join('|')})\\b`, 'g');
    // One thread has one pace, which `paceWork` sets.
    const constants = [...sources]
      .filter(([file]) => file !== 'subgraphs/shared/turns.ts')
      .flatMap(([file, text]) =>
        [...text.matchAll(read)]
          .filter(
            ([, before]) =>
              !/^\s*(\/?\*|\/\/)/.test(before!) && !/(\?\? |[\w)] = |^\s*)$/.test(before!.replace(/const \w+ = $/, '')),
          )
          .map(([line]) => `${file}: ${line!.trim()}`),
      );
    expect(constants).toEqual([]);
  });

  test('reach the rooms that keep them', () => {
    const rooms = Object.entries(BOUNDS).filter(([, table]) =>
      Object.values(tableOf(table as Bounds<unknown>).entries).some(isSettable),
    );
    // Those of remote subgraphs are settings, which one subgraph may have of its own.
    const handed = rooms.filter(([room]) => room !== 'remote').map(([room]) => room);
    expect(handed.filter((room) => !new RegExp(`\\bbounds\\.${room}\\b`).test(code))).toEqual([]);
  });

  test('have variables of their own, and defaults within their ranges', () => {
    const settable = entries.filter(({ bound }) => isSettable(bound));
    const variables = settable.map(({ bound }) => bound.variable!);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variables.filter((variable) => !variableTable().some(({ name }) => name === variable))).toEqual([]);
    const outside = settable.filter(
      ({ bound }) =>
        bound.variable !== undefined &&
        bound.default !== undefined &&
        !(bound.default >= bound.min && bound.default <= bound.max),
    );
    expect(outside.map(({ name }) => name)).toEqual([]);
  });

  test('are whole numbers within their ranges, or the server does not start', () => {
    for (const { bound } of entries) {
      if (bound.variable === undefined) continue;
      const { variable, min, max } = bound;
      for (const wrong of [String(min - 1), String(max + 1), '1.5', 'many', '0x10', ' '])
        expect(() => loadConfig({ [variable]: wrong }), `${variable}=${wrong}`).toThrow(
          new RegExp(`- ${variable} must be`),
        );
      for (const right of [min, max]) expect(() => loadConfig({ [variable]: String(right) })).not.toThrow();
    }
  });

  test('are set by their variables', () => {
    for (const [room, table] of Object.entries(BOUNDS)) {
      for (const [name, bound] of Object.entries(tableOf(table as Bounds<unknown>).entries)) {
        if (bound.variable === undefined) continue;
        const values = (env: Record<string, string>): number | undefined =>
          (loadConfig(env).bounds as Record<string, Record<string, number | undefined>>)[room]![name];
        expect(values({}), bound.variable).toBe(bound.default);
        expect(values({ [bound.variable]: String(bound.max) }), bound.variable).toBe(bound.max);
      }
    }
  });
});
