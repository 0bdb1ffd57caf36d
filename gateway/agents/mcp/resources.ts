/** What agents may read by its address: the schema, and documents, files and runs by their ids. */
import { ResourceNotFoundError, ResourceTemplate, type McpServer } from '@modelcontextprotocol/server';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { Calls } from '../calls.ts';

/** One kind of what has an id. */
interface Kind {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly uri: string;
  /** The variable of `uri`, and of {@link Kind.read}. */
  readonly variable: string;
  readonly mimeType: string;
  /** Reads one; its only root field is null for what is not there. */
  readonly read: string;
  /** Text of one. @default its JSON */
  readonly text?: (found: Readonly<Record<string, unknown>>) => unknown;
  /** What there is beside that which was read, told behind it. */
  readonly rest?: (found: Readonly<Record<string, unknown>>) => string | undefined;
  /** The newest of them: nodes with that which {@link Kind.variable} stands for. */
  readonly newest: string;
}

export const KINDS: readonly Kind[] = [
  {
    name: 'document',
    title: 'Documents',
    description: 'The text of a document.',
    uri: 'tributary://documents/{id}',
    variable: 'id',
    mimeType: 'text/plain',
    read: 'query Document($id: ID!) { found: document(id: $id) { mediaType text } }',
    text: ({ text }) => text,
    newest:
      'query Documents($first: Int!) { list: documents(first: $first, orderBy: [{ field: UPDATED_AT, direction: DESC }]) { nodes { value: id name: title } } }',
  },
  {
    name: 'object',
    title: 'Files',
    description: 'The text of a stored file, or what is known of it where it is no text.',
    uri: 'tributary://objects/{+key}',
    variable: 'key',
    mimeType: 'text/plain',
    read: `query Object($key: String!) { found: object(key: $key) { key size mediaType updatedAt text(maxBytes: ${AGENTS.resourceBytes}) downloadUrl } }`,
    text: ({ text, ...rest }) => text ?? JSON.stringify(rest),
    rest: ({ text, size, downloadUrl }) =>
      text === null || Number(size) <= AGENTS.resourceBytes
        ? undefined
        : `This is the beginning: ${AGENTS.resourceBytes} of ${String(size)} bytes. All of it: ${String(downloadUrl)}`,
    newest: 'query Objects($first: Int!) { list: objects(first: $first) { nodes { value: key name: key } } }',
  },
  {
    name: 'run',
    title: 'Runs',
    description: 'Where a run of an agent stands, as JSON; `run_events` reads its events.',
    uri: 'tributary://runs/{id}',
    variable: 'id',
    mimeType: 'application/json',
    read: 'query Run($id: ID!) { found: run(id: $id) { id agent { id name } threadId status input output error { code message } state lastSequence createdAt startedAt finishedAt } }',
    newest:
      'query Runs($first: Int!) { list: runs(first: $first, orderBy: [{ field: CREATED_AT, direction: DESC }]) { nodes { value: id name: status } } }',
  },
];

/** Those kinds that the schema has: a supergraph of other subgraphs has none. */
export function addResources(server: McpServer, calls: Calls): void {
  for (const [name, uri, description, whole] of [
    ['schema', 'tributary://schema', 'The whole GraphQL schema, without descriptions.', false],
    ['described schema', 'tributary://schema/described', 'The whole GraphQL schema, with its descriptions.', true],
  ] as const)
    server.registerResource(name, uri, { description, mimeType: 'application/graphql' }, () => ({
      contents: [{ uri, mimeType: 'application/graphql', text: calls.sdl(whole) }],
    }));
  for (const kind of KINDS) {
    if (!calls.fits(kind.read) || !calls.fits(kind.newest)) continue;
    const { name, title, description, uri, variable, mimeType } = kind;
    const newest = async (): Promise<readonly Listed[]> => {
      const { list } = await calls.read(kind.newest, { first: AGENTS.completions });
      return (list as { nodes: readonly Listed[] } | null)?.nodes ?? [];
    };
    const template = new ResourceTemplate(uri, {
      list: undefined,
      complete: {
        [variable]: async (begun) =>
          (await newest()).map(({ value }) => value).filter((each) => each.startsWith(begun)),
      },
    });
    server.registerResource(name, template, { title, description, mimeType }, async (asked, variables) => {
      const value = decoded(String(variables[variable]));
      const { found } = value === undefined ? {} : await calls.find(kind.read, { [variable]: value });
      if (found === null || found === undefined) throw new ResourceNotFoundError(asked.href);
      const one = found as Readonly<Record<string, unknown>>;
      const text = kind.text === undefined ? one : kind.text(one);
      const whole = { uri: asked.href, mimeType, text: typeof text === 'string' ? text : JSON.stringify(text ?? null) };
      const rest = kind.rest?.(one);
      return { contents: [whole, ...(rest === undefined ? [] : [{ ...whole, mimeType: 'text/plain', text: rest }])] };
    });
  }
}

/** Undefined for what percent signs make nothing of. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

interface Listed {
  readonly value: string;
}
