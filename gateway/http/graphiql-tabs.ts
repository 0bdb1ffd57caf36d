/**
 * GraphiQL's tabs, made of a folder: `01-search.graphql` is a tab of one or more operations, `01-search.json` beside it
 * its variables. A variable that is `"$name"` becomes what the operation in `values.graphql` finds under that name, so
 * that tabs run as they are on the data that is there. `more/Documents.graphql` is a topic of the menu of examples, which
 * have the order of the files' names (`1-Explore.graphql` is called Explore): each operation of it is one, with the comment
 * above it, and its variables under its name in `more/Documents.json`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { Kind, parse, validate, type DocumentNode, type GraphQLSchema, type OperationTypeNode } from 'graphql';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type Operations } from '#gateway/admission/operations.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';

/** What the values' operation answers: connections. */
type Found = Readonly<
  Record<string, { readonly edges?: readonly { readonly node?: { readonly id?: string } | null }[] } | null>
>;

/** A tab as GraphiQL takes it: texts of its three editors. */
export interface Tab {
  readonly query: string;
  readonly variables: string;
  readonly headers: string;
}

/** An example of the menu. */
export interface Example {
  readonly name: string;
  /** What it shows: the comment above it; may be empty. */
  readonly about: string;
  readonly operation: OperationTypeNode;
  readonly query: string;
  readonly variables: string;
}

/** What the page begins with. */
export interface Examples {
  readonly tabs: readonly Tab[];
  readonly examples: readonly { readonly topic: string; readonly examples: readonly Example[] }[];
}

/** What the tabs are for. */
export interface TabsApi {
  /** The schema that is served; a tab that does not fit it is left out. */
  schema(): GraphQLSchema;
  /** Runs a query as whoever opens the page; undefined where such a caller may not, or it failed. */
  ask(query: string): Promise<Found | undefined>;
}

/** A file of operations, and the variables beside it. */
interface ExampleFile {
  readonly query: string;
  readonly document: DocumentNode;
  readonly variables: JsonValue;
}

/** Reads the tabs and the menu of a folder, in the order of the files' names. @throws where a file cannot be read or parsed */
export async function readTabs(folder: URL): Promise<(api: TabsApi) => Promise<Examples>> {
  const tabFiles = await readExamples(folder, /^\d.*\.graphql$/);
  const menuFiles = await readExamples(new URL('more/', folder), /\.graphql$/).catch(noneFor([]));
  const values = await readFile(new URL('values.graphql', folder), 'utf8').catch(noneFor(undefined));
  const valuesDocument = values === undefined ? undefined : parse(values);
  const topics = menuFiles.map(({ name, ...file }) => ({
    topic: name.replace(/^\d+-|\.graphql$/g, ''),
    examples: operationsOf(file),
  }));

  /** What of the folder fits the schema that is served. */
  let fitting:
    { schema: GraphQLSchema; tabs: typeof tabFiles; topics: typeof topics; values: string | undefined } | undefined;
  return async ({ schema, ask }) => {
    const served = schema();
    if (fitting?.schema !== served) {
      const fit = ({ document }: { document: DocumentNode }): boolean => fits(served, document);
      fitting = {
        schema: served,
        tabs: tabFiles.filter(fit),
        topics: topics
          .map(({ topic, examples }) => ({ topic, examples: examples.filter(fit) }))
          .filter(({ examples }) => examples.length > 0),
        values: valuesDocument !== undefined && fits(served, valuesDocument) ? values : undefined,
      };
    }
    const found = fitting.values === undefined ? {} : firstIds(await ask(fitting.values));
    const text = (variables: JsonValue): string =>
      JSON.stringify(variables, (_, value: unknown) => filled(value, found), 2);
    return {
      tabs: fitting.tabs.map(({ query, variables }) => ({ query, variables: text(variables), headers: '{}' })),
      examples: fitting.topics.map(({ topic, examples }) => ({
        topic,
        examples: examples.map(({ name, about, operation, query, variables }) => ({
          name,
          about,
          operation,
          query,
          variables: text(variables),
        })),
      })),
    };
  };
}

async function readExamples(folder: URL, pattern: RegExp): Promise<(ExampleFile & { name: string })[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const query = await readFile(new URL(name, folder), 'utf8');
      const variables = await readFile(new URL(name.replace(/\.graphql$/, '.json'), folder), 'utf8').catch(
        noneFor('{}'),
      );
      return { name, query, document: parse(query), variables: JSON.parse(variables) as JsonValue };
    }),
  );
}

/** The operations of a file, each with the comment above it. @throws where one has no name, or a fragment is among them */
function operationsOf({ query, document, variables }: ExampleFile) {
  let end = 0;
  return document.definitions.map((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.name === undefined)
      throw new Error('The examples of the menu are operations with names.');
    const name = definition.name.value;
    const { start } = definition.loc!;
    const above = query.slice(end, start).trim();
    ({ end } = definition.loc!);
    return {
      name,
      about: above.replace(/^# ?/gm, '').replace(/\s*\n\s*/g, ' '),
      operation: definition.operation,
      query: `${above === '' ? '' : `${above}\n`}${query.slice(start, end)}\n`,
      document: { kind: Kind.DOCUMENT, definitions: [definition] } satisfies DocumentNode,
      variables: (variables as Readonly<Record<string, JsonValue>>)[name] ?? {},
    };
  });
}

/** Asks as a caller who sends no token, which in development mode is the developer. */
export function askWithoutToken({
  authenticate,
  operations,
  timeoutMs,
  stopping,
}: {
  authenticate: Authenticator['authenticate'];
  operations: Operations;
  timeoutMs: number;
  stopping: AbortSignal;
}): TabsApi['ask'] {
  return async (query) => {
    try {
      const principal = await authenticate(undefined);
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
      const operation = await operations.admit({ query }, { principal, requestId: 'graphiql', signal, own: true });
      const result = await operation.run();
      return isStream(result) ? undefined : ((result.data ?? undefined) as Found | undefined);
    } catch (error) {
      if (error instanceof CodedError || error instanceof OperationRefused) return undefined;
      throw error;
    }
  };
}

const noneFor =
  <Absent>(absent: Absent) =>
  (error: unknown): Absent => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw error;
  };

const fits = (schema: GraphQLSchema, document: DocumentNode): boolean => validate(schema, document).length === 0;

/** What is found, or what says that something is to be filled in, by the name that stands for it. */
const filled = (value: unknown, found: Readonly<Record<string, string>>): unknown =>
  typeof value === 'string' && value.startsWith('$')
    ? (found[value.slice(1)] ?? `paste an id: there is nothing yet for ${value}`)
    : value;

/** The id of each connection's first node, by the field's name. */
const firstIds = (found: Found = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(found).flatMap(([name, connection]) => {
      const id = connection?.edges?.[0]?.node?.id;
      return id === undefined ? [] : [[name, id]];
    }),
  );
