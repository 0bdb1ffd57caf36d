/**
 * Names in the API and in the library. The operator's types keep theirs; what the library makes of them (`MovieWhere`,
 * `MoviesConnection`, `PageInfo`) is prefixed in the API, since another subgraph may have a type of that name.
 */
import { isIntrospectionType, isScalarType, isSpecifiedScalarType, type GraphQLSchema } from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { GraphModel } from './file.ts';

export const PREFIX = 'Model';

export interface Names {
  /** The API's name of a type of the library. */
  toApi(name: string): string;
  /** The library's name of a type of the API; `undefined` where it has none. */
  toLibrary(name: string): string | undefined;
}

/** @throws CodedError `BAD_USER_INPUT` when a type of the model has the name that a generated one gets */
export function namesOf(library: GraphQLSchema, model: GraphModel): Names {
  const toApi = new Map<string, string>();
  for (const type of Object.values(library.getTypeMap())) {
    const kept =
      isScalarType(type) ||
      isSpecifiedScalarType(type) ||
      isIntrospectionType(type) ||
      type.name === 'Query' ||
      model.names.has(type.name);
    toApi.set(type.name, kept ? type.name : PREFIX + type.name);
  }
  const toLibrary = new Map<string, string>();
  for (const [inLibrary, inApi] of toApi) {
    if (toLibrary.has(inApi))
      throw badUserInput(`GRAPH_MODEL: ${inApi} is also the name of what is made of another type.`, {
        hint: `Rename the type; its label stays with @node(labels: [${JSON.stringify(inApi)}]).`,
      });
    toLibrary.set(inApi, inLibrary);
  }
  return { toApi: (name) => toApi.get(name) ?? name, toLibrary: (name) => toLibrary.get(name) };
}
