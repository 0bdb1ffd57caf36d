/**
 * GraphiQL's tabs, made of a folder: `01-search.graphql` is a tab of one or more operations, `01-search.json` beside it
 * its variables. A variable that is `"$name"` becomes what the operation in `values.graphql` finds under that name, so
 * that tabs run as they are on the data that is there.
 */
import { readdir, readFile } from 'node:fs/promises';
import { parse, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
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

/** What the tabs are for. */
export interface TabsApi {
  /** The schema that is served; a tab that does not fit it is left out. */
  schema(): GraphQLSchema;
  /** Runs a query as whoever opens the page; undefined where such a caller may not, or it failed. */
  ask(query: string): Promise<Found | undefined>;
}

/** Reads the tabs of a folder, in the order of the files' names. @throws where a file cannot be read or parsed */
export async function readTabs(folder: URL): Promise<(api: TabsApi) => Promise<Tab[]>> {
  const names = (await readdir(folder)).filter((name) => /^\d.*\.graphql$/.test(name)).sort();
  const read = async (name: string): Promise<string> => await readFile(new URL(name, folder), 'utf8');
  const files = await Promise.all(
    names.map(async (name) => {
      const query = await read(name);
      const variables = await read(name.replace(/\.graphql$/, '.json')).catch(noneFor('{}'));
      return { query, document: parse(query), variables: JSON.parse(variables) as JsonValue };
    }),
  );
  const values = await read('values.graphql').catch(noneFor(undefined));
  const valuesDocument = values === undefined ? undefined : parse(values);

  /** What of the folder fits the schema that is served. */
  let fitting: { schema: GraphQLSchema; files: typeof files; values: string | undefined } | undefined;
  return async ({ schema, ask }) => {
    const served = schema();
    if (fitting?.schema !== served)
      fitting = {
        schema: served,
        files: files.filter(({ document }) => fits(served, document)),
        values: valuesDocument !== undefined && fits(served, valuesDocument) ? values : undefined,
      };
    const found = fitting.values === undefined ? {} : firstIds(await ask(fitting.values));
    return fitting.files.map(({ query, variables }) => ({
      query,
      variables: JSON.stringify(variables, (_, value: unknown) => filled(value, found), 2),
      headers: '{}',
    }));
  };
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

/** What is found, or the name that stands for it, which says what to fill in. */
const filled = (value: unknown, found: Readonly<Record<string, string>>): unknown =>
  typeof value === 'string' && value.startsWith('$') ? (found[value.slice(1)] ?? value) : value;

/** The id of each connection's first node, by the field's name. */
const firstIds = (found: Found = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(found).flatMap(([name, connection]) => {
      const id = connection?.edges?.[0]?.node?.id;
      return id === undefined ? [] : [[name, id]];
    }),
  );
