/** Root fields that change rows, of the types of which the file says so. */
import type { GraphQLResolveInfo } from 'graphql';
import type { InputRef } from '@pothos/core';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { constantOf } from '#subgraphs/shared/order-input.ts';
import { selectedFields } from '#subgraphs/shared/selections.ts';
import { takes, type Scope } from '#subgraphs/shared/scopes.ts';
import { SOURCES } from '../bounds.ts';
import type { SourceRow, Values, Write } from '../driver.ts';
import type { ModelMutations, ModelType } from '../model/model.ts';
import { neededOf } from './lists.ts';
import type { SchemaParts } from './parts.ts';

type Required = boolean | { readonly list: boolean; readonly items: boolean };
type InputField = { field(options: { type: unknown; description: string; required?: Required }): unknown };
type Kind = keyof ModelMutations['scopes'];

export function addMutations(parts: SchemaParts, type: ModelType): void {
  const { mutations } = type;
  if (mutations === undefined || parts.driver.write === undefined) return;
  const { builder } = parts.subgraph;
  const columns = new Map(type.columns.map((column) => [column.field, column]));
  const typeOf = (field: string): unknown => {
    const column = columns.get(field)!;
    return column.list ? [parts.typed(column)] : parts.typed(column);
  };
  const requiredOf = (field: string, required: boolean): Required =>
    columns.get(field)!.list ? { list: required, items: false } : required;
  const input = (name: string, description: string, fields: (t: InputField) => Record<string, unknown>) => {
    const ref = builder.inputRef<Values>(name);
    (ref.implement.bind(ref) as unknown as (options: unknown) => void)({ description, fields });
    return ref as InputRef<Values>;
  };
  const ofKey = (t: InputField) =>
    Object.fromEntries(
      type.key.map((field) => [
        field,
        t.field({ type: typeOf(field), required: true, description: `The \`${field}\` of its key.` }),
      ]),
    );
  const { scopes, fields, uniques } = mutations;
  const upper = type.list[0]!.toUpperCase() + type.list.slice(1);

  const add = (
    kind: Kind,
    description: string,
    args: (arg: (options: object) => unknown) => Record<string, unknown>,
    write: (given: Record<string, unknown>) => Write,
  ): void => {
    const scope = scopes[kind];
    if (scope === undefined) return;
    builder.mutationField(`${kind}${upper}`, (t) =>
      t.field({
        type: [parts.refs.get(type.name)!] as never,
        nullable: { list: true, items: false } as never,
        directives: takes(scope as Scope) as never,
        description: `${description} At most ${SOURCES.written}, all of them or none: in one transaction.`,
        args: args(t.arg as never) as never,
        resolve: ((_: unknown, given: Record<string, unknown>, context: RequestContext, info: GraphQLResolveInfo) =>
          run(parts, type, kind, write(given), context, info)) as never,
      }),
    );
  };
  const list = (of: InputRef<Values>, what: string) => ({ type: [of], required: true, description: what });

  const inserted =
    scopes.insert === undefined && scopes.upsert === undefined
      ? undefined
      : input(
          `${type.name}Insert`,
          `One of ${type.items} to be. What is absent is as the database has it for new rows.`,
          (t) =>
            Object.fromEntries(
              fields.map(({ field, required }) => [
                field,
                t.field({
                  type: typeOf(field),
                  required: requiredOf(field, required),
                  description: `Its \`${field}\`.`,
                }),
              ]),
            ),
        );
  if (inserted !== undefined) {
    add(
      'insert',
      `Inserts ${type.items}; returns them in this order.`,
      (arg) => ({ input: arg(list(inserted, 'The rows.')) }),
      ({ input: rows }) => ({ kind: 'insert', rows: rows as Values[] }),
    );
    if (scopes.upsert !== undefined && uniques.length > 0) {
      const unique = builder.enumType(`${type.name}Unique`, {
        description: `What no two ${type.items} have alike.`,
        values: Object.fromEntries(
          uniques.map((set) => [
            set.map(constantOf).join('_AND_'),
            { value: set.join(), description: set.map((field) => `\`${field}\``).join(', ') + '.' },
          ]),
        ) as never,
      });
      add(
        'upsert',
        `Inserts ${type.items}, or changes those that there are already to what is given; returns them in this order.`,
        (arg) => ({
          input: arg(list(inserted, 'The rows.')),
          on: arg({
            type: unique,
            required: true,
            defaultValue: uniques[0]!.join(),
            description: 'By what it is told whether there is one already. What it names must be given.',
          }),
        }),
        ({ input: rows, on }) => ({ kind: 'upsert', on: (on as string).split(','), rows: rows as Values[] }),
      );
    }
  }
  if (scopes.update !== undefined) {
    const updated = input(
      `${type.name}Update`,
      `One of ${type.items} by its key, and what is to be otherwise. What is absent stays.`,
      (t) => ({
        ...Object.fromEntries(
          fields
            .filter(({ field }) => !type.key.includes(field))
            .map(({ field }) => [
              field,
              t.field({
                type: typeOf(field),
                required: requiredOf(field, false),
                description: `Its new \`${field}\`; null for none.`,
              }),
            ]),
        ),
        ...ofKey(t),
      }),
    );
    add(
      'update',
      `Changes ${type.items}, found by their keys; returns them in this order. NOT_FOUND where there is none.`,
      (arg) => ({ input: arg(list(updated, 'Keys, and what is to be otherwise.')) }),
      ({ input: rows }) => ({ kind: 'update', rows: rows as Values[] }),
    );
  }
  if (scopes.delete !== undefined) {
    const key = input(`${type.name}Key`, `Which of ${type.items} is meant.`, ofKey);
    add(
      'delete',
      `Deletes ${type.items}; returns those that were there, as they were.`,
      (arg) => ({ keys: arg(list(key, 'Which rows.')) }),
      ({ keys }) => ({ kind: 'delete', keys: keys as Values[] }),
    );
  }
}

async function run(
  { driver, loaders, source, audit }: SchemaParts,
  type: ModelType,
  kind: Kind,
  write: Write,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<SourceRow[]> {
  const given = write.kind === 'delete' ? write.keys : write.rows;
  if (given.length > SOURCES.written)
    throw badUserInput(`One mutation changes at most ${SOURCES.written} rows; got ${given.length}.`);
  if (given.length === 0) return [];
  const { tenantId, subject } = context.principal;
  const { key } = type;
  const changed = [...new Set(given.flatMap((row) => Object.keys(row)))].sort();
  const rows = await driver.write!(context, {
    relation: type.relation,
    ...neededOf(type, selectedFields(info, [[]])),
    key,
    write,
    held: type.mutations!.held,
    // Before it counts: what cannot be written to the log does not happen.
    confirm: async (written) => {
      const system = createRequestContext(
        { tenantId, subject: 'system:sources', roles: [], scopes: [], system: true },
        { requestId: context.requestId, signal: context.signal },
      );
      const entries = written.map(({ texts }) => ({
        subject,
        action: `${source}.${kind}`,
        subjectType: type.name,
        subjectId: key
          .map((field) => texts[field])
          .join(' ')
          .slice(0, SOURCES.auditedCharacters),
        requestId: context.requestId,
        fields: kind === 'delete' ? [] : changed,
      }));
      if (entries.length > 0) await audit(system, entries);
    },
  });
  loaders(context).clear();
  return rows;
}
