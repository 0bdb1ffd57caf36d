/** How operations reach the definitions of a schema, as schema coordinates from a field of a root type on. */
import {
  getNamedType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { nameOf, type Field } from './schema-entries.ts';

/** The ways to a type, or to a field of one, the shortest first; none where no operation reaches it. */
export type PathsToRoot = (type: GraphQLNamedType, field?: Field) => string[][];

/** A coordinate, and those before it. */
interface Way {
  readonly coordinate: string;
  readonly before: Way | undefined;
}

/**
 * Each type is walked through by its shortest ways only: {@link AGENTS.paths} of them. What queries reach is reached by them;
 * mutations and subscriptions are the way to their own types.
 */
export function pathsToRoot(schema: GraphQLSchema): PathsToRoot {
  const ways = new Map<GraphQLNamedType, Way[]>();
  const roots: ReadonlySet<GraphQLNamedType> = new Set(
    [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter((root) => root != null),
  );
  for (const root of roots) walk(root);

  return (type, field) => {
    const own = ways.get(type) ?? [];
    if (field === undefined) return own.map(toList);
    const coordinate = nameOf({ type, field });
    return roots.has(type) ? [[coordinate]] : own.map((before) => toList({ coordinate, before }));
  };

  function walk(root: GraphQLNamedType): void {
    const found = new Map<GraphQLNamedType, Way[]>();
    let level: readonly { readonly type: GraphQLNamedType; readonly way: Way | undefined }[] = [
      { type: root, way: undefined },
    ];
    while (level.length > 0) {
      const next: { type: GraphQLNamedType; way: Way }[] = [];
      for (const { type, way } of level)
        for (const { to, coordinate } of stepsFrom(type)) {
          const known = found.get(to) ?? [];
          // A root again is no further on, and what leads through a type twice is no shorter for it.
          if (roots.has(to) || ways.has(to) || known.length >= AGENTS.paths || leadsThrough(way, coordinate)) continue;
          const one = { coordinate, before: way };
          found.set(to, [...known, one]);
          next.push({ type: to, way: one });
        }
      level = next;
    }
    for (const [type, list] of found) ways.set(type, list);
  }
}

/** What is a step away: by a field to what it gives, by an argument to what it takes, by a field of an input to its type. */
const stepsFrom = (type: GraphQLNamedType): readonly { to: GraphQLNamedType; coordinate: string }[] => {
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map((field) => ({
      to: getNamedType(field.type),
      coordinate: nameOf({ type, field }),
    }));
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  const fields = Object.values(type.getFields());
  return [
    ...fields.map((field) => ({ to: getNamedType(field.type), coordinate: nameOf({ type, field }) })),
    ...fields.flatMap((field) =>
      field.args.map((argument) => ({
        to: getNamedType(argument.type),
        coordinate: `${nameOf({ type, field })}(${argument.name}:)`,
      })),
    ),
  ];
};

function leadsThrough(way: Way | undefined, coordinate: string): boolean {
  for (let at = way; at !== undefined; at = at.before) if (at.coordinate === coordinate) return true;
  return false;
}

function toList(way: Way): string[] {
  const list: string[] = [];
  for (let at: Way | undefined = way; at !== undefined; at = at.before) list.unshift(at.coordinate);
  return list;
}
