/**
 * `@defer` and `@stream` as clients see them (https://github.com/graphql/graphql-spec/pull/1110). They are the gateway's own:
 * no subgraph need define them, and none of what subgraphs define under these names is passed on.
 */
import { Kind, parse, print } from 'graphql';

const DEFINITIONS = /* GraphQL */ `
  """
  Delivers the fragment later, when its data is there. Over multipart, server-sent events and WebSocket; elsewhere the
  answer comes whole.
  """
  directive @defer(
    """
    Whether it is deferred.
    """
    if: Boolean! = true
    """
    What its part of the answer is called: a literal, and unique in the document.
    """
    label: String
  ) on FRAGMENT_SPREAD | INLINE_FRAGMENT

  """
  Delivers the items of a list as they come: first \`initialCount\` of them, then the others in batches. Where the list comes whole by
  itself, or lies within another list, it is delivered whole, in its place.
  """
  directive @stream(
    """
    Whether it is streamed.
    """
    if: Boolean! = true
    """
    What its parts of the answer are called: a literal, and unique in the document.
    """
    label: String
    """
    How many items come with what is around the list; 0 or more.
    """
    initialCount: Int! = 0
  ) on FIELD
`;

const NAMES: ReadonlySet<string> = new Set(['defer', 'stream']);

/** The schema with both, whatever it had under their names. */
export function withIncrementalDirectives(apiSdl: string): string {
  const document = parse(apiSdl, { noLocation: true });
  return print({
    ...document,
    definitions: [
      ...document.definitions.filter(
        (definition) => definition.kind !== Kind.DIRECTIVE_DEFINITION || !NAMES.has(definition.name.value),
      ),
      ...parse(DEFINITIONS, { noLocation: true }).definitions,
    ],
  });
}
