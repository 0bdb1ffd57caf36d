/**
 * What a subgraph that is made at start may not define: its names are the operator's, who cannot see what else there
 * is. Composition would refuse some of it in words about sharing, and merge the rest silently.
 */
import { Kind, parse, print, type DefinitionNode, type DocumentNode } from 'graphql';
import type { SubgraphSource } from './schema-source.ts';
import { SupergraphError, type MadeSchema } from './supergraph-file.ts';

/**
 * @param added the subgraphs that are looked at, by name, and how their names are changed
 * @throws SupergraphError with every type and root field that another subgraph has too, and every link that leads
 *   nowhere
 */
export function refuseNameClashes(
  sources: readonly SubgraphSource[],
  added: ReadonlyMap<string, MadeSchema['rename']>,
): void {
  if (added.size === 0) return;
  const documents = sources.map(({ name, origin, sdl }) => ({ name, origin, document: parsed(sdl) }));
  const faults: string[] = [];
  for (const { name, origin, document } of documents.filter((source) => added.has(source.name))) {
    const rename = added.get(name)!;
    const taken: string[] = [];
    const others = documents.filter((source) => source.name !== name);
    for (const definition of document.definitions) {
      if (
        !('name' in definition) ||
        definition.name === undefined ||
        definition.kind === Kind.SCALAR_TYPE_DEFINITION ||
        definition.kind === Kind.DIRECTIVE_DEFINITION
      )
        continue;
      const type = definition.name.value;
      const owner = others.find((source) =>
        source.document.definitions.some((other) => nameOf(other) === type && !isStub(other)),
      );
      if (isStub(definition)) {
        if (owner === undefined) faults.push(`${origin}: no other subgraph has an entity ${type} to refer to.`);
        for (const field of addedBy(definition)) {
          const same = others.find((source) =>
            source.document.definitions.some((other) => nameOf(other) === type && hasOwn(other, field)),
          );
          if (same !== undefined)
            faults.push(
              `${origin}: the field ${field} of the type ${type} is also one of the subgraph ${same.name}. ${rename.added ?? rename.type(type)}`,
            );
        }
      } else if (ROOTS.has(type)) {
        for (const field of fieldsOf(definition)) {
          const same = others.find((source) =>
            source.document.definitions.some((other) => nameOf(other) === type && fieldsOf(other).includes(field)),
          );
          if (same !== undefined)
            faults.push(`${origin}: the root field ${field} is also one of the subgraph ${same.name}. ${rename.field}`);
        }
      } else if (owner !== undefined && !isSame(definition, owner.document)) {
        // What is made of a type, such as its connection, gets another name with it.
        const isMade = (base: string): boolean =>
          type.startsWith(`${base}Aggregate`) || MADE.some((end) => type === `${base}${end}`);
        if (taken.some(isMade)) continue;
        taken.push(type);
        faults.push(`${origin}: the type ${type} is also one of the subgraph ${owner.name}. ${rename.type(type)}`);
      }
    }
  }
  if (faults.length > 0) throw new SupergraphError(faults.join('\n'));
}

/** A foreign schema that is no GraphQL is reported by composition. */
function parsed(sdl: string): DocumentNode {
  try {
    return parse(sdl, { noLocation: true });
  } catch {
    return { kind: Kind.DOCUMENT, definitions: [] };
  }
}

const ROOTS: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription']);

/** Ends of names of what is made of a type. */
const MADE = [
  ...['Filter', 'ListFilter', 'Order', 'OrderField', 'Connection', 'Edge'],
  ...['Insert', 'Update', 'Key', 'Unique', 'Change', 'Match', 'Vector'],
] as const;

/** What every subgraph has alike, such as `PageInfo` and the filters, belongs to none. */
function isSame(definition: DefinitionNode, { definitions }: DocumentNode): boolean {
  const text = print(definition);
  return definitions.some((other) => nameOf(other) === nameOf(definition) && print(other) === text);
}

const nameOf = (definition: DefinitionNode): string | undefined =>
  'name' in definition ? definition.name?.value : undefined;

/** An entity of another subgraph: one that is only referred to, or gets fields. */
const isStub = (definition: DefinitionNode): boolean =>
  'directives' in definition &&
  (definition.directives?.some(
    (directive) =>
      directive.name.value === 'extends' ||
      (directive.name.value === 'key' &&
        directive.arguments?.some(
          ({ name, value }) => name.value === 'resolvable' && value.kind === Kind.BOOLEAN && !value.value,
        )),
  ) ??
    false);

/** The fields that a stub adds to its type. */
const addedBy = (definition: DefinitionNode): string[] =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.directives?.some(({ name }) => name.value === 'extends')
    ? (definition.fields ?? [])
        .filter(({ directives }) => !directives?.some(({ name }) => name.value === 'external'))
        .map(({ name }) => name.value)
    : [];

/** Whether a definition has a field as its own: what is external is another's. */
const hasOwn = (definition: DefinitionNode, field: string): boolean =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION &&
  definition.fields?.some(
    ({ name, directives }) => name.value === field && !directives?.some((each) => each.name.value === 'external'),
  ) === true;

const fieldsOf = (definition: DefinitionNode): string[] =>
  definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.OBJECT_TYPE_EXTENSION
    ? (definition.fields ?? []).map(({ name }) => name.value)
    : [];
