/** The API's schema with the conditions that the gateway adds to filters. */
import { buildSchema, isInputObjectType, type GraphQLSchema } from 'graphql';
import { declaredConditions, MARK, type DeclaredCondition, type TypeList } from './declared.ts';

/**
 * @param apiSdl what clients see of a supergraph
 * @returns the same where no subgraph says that lists lead to one another
 */
export function widenedFilters(apiSdl: string, supergraphSdl: string): string {
  const api = buildSchema(apiSdl, { assumeValid: true, noLocation: true });
  const added: string[] = [];
  const lists = new Map<string, string>();
  for (const [filter, byName] of declaredConditions(api, supergraphSdl)) {
    const fields = [...byName.values()].map((condition) => {
      const { target, many } = endOf(condition);
      const type = many ? listFilter(api, target, lists) : target.filter;
      return `  ${JSON.stringify(described(condition))}\n  ${condition.name}: ${type}`;
    });
    added.push(`extend input ${filter} {\n${fields.join('\n')}\n}`);
  }
  return [apiSdl, ...lists.values(), ...added].join('\n\n');
}

const endOf = (condition: DeclaredCondition) =>
  'links' in condition
    ? { target: condition.links.at(-1)!.target, many: false }
    : { target: condition.target, many: condition.many };

function described(condition: DeclaredCondition): string {
  if ('links' in condition)
    return `Leads by \`${condition.links.map(({ name }) => name).join('.')}\` to something that must match this.${MARK}`;
  return condition.many
    ? `How many of its \`${condition.name}\` must match.${MARK}`
    : `Its \`${condition.name}\` must be there, and match this.${MARK}`;
}

/** The name of the input that asks for `some`, `every` or `none`, as sources have it for their own links. */
function listFilter(api: GraphQLSchema, { filter }: TypeList, lists: Map<string, string>): string {
  const name = `${filter.replace(/Filter$/, '')}ListFilter`;
  if (!lists.has(name) && !isInputObjectType(api.getType(name)))
    lists.set(
      name,
      [
        '"Conditions on what is led to; on those that the caller may see. All that are given must hold."',
        `input ${name} {`,
        '  "At least one matches; `{}` matches where there is any."',
        `  some: ${filter}`,
        '  "All of them match, also where there are none."',
        `  every: ${filter}`,
        '  "None of them matches; `{}` matches where there are none."',
        `  none: ${filter}`,
        '}',
      ].join('\n'),
    );
  return name;
}
