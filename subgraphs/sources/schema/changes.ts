/** Root fields that follow changes of a type's rows. */
import type { EnumRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { decodeCursor, encodeCursor, malformedCursor } from '#subgraphs/shared/cursors.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { selectedFields } from '#subgraphs/shared/selections.ts';
import { polledChanges } from '../changes/polled.ts';
import { tableIdOf, type Change, type ChangeKind, type ChangePlace, type OrderLevel } from '../driver.ts';
import type { ModelType } from '../model/model.ts';
import { filterInput, parseFilter } from './filters.ts';
import { neededOf } from './lists.ts';
import type { SchemaParts } from './parts.ts';

const KINDS: Readonly<Record<ChangeKind, string>> = {
  ADDED: 'There is a row that was not there before, or that did not match.',
  CHANGED: 'A row that matches is otherwise than it was. Of a store that keeps no record of changes also: it is new.',
  REMOVED: 'A row that matched is no more, or matches no longer: `node` is as it was.',
  EMPTIED: 'All rows of all are no more, at once (`TRUNCATE`). There is no `node`.',
};

type ChangeKinds = EnumRef<any, ChangeKind>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter

/** Defines the enum that all types share; call it once for a schema. */
export const addChangeKinds = ({ subgraph }: Pick<SchemaParts, 'subgraph'>): ChangeKinds =>
  subgraph.builder.enumType('RowChange', {
    description: 'What became of a row, as far as the conditions of who follows go.',
    values: Object.fromEntries(Object.entries(KINDS).map(([kind, description]) => [kind, { description }])) as never,
  }) as unknown as ChangeKinds;

interface ChangesArguments {
  readonly where?: FilterInput | null;
  readonly after?: string | null;
}

export function addChanges(parts: SchemaParts, type: ModelType, kinds: ChangeKinds): void {
  const { changes, relation, key, items } = type;
  const { subgraph, driver, source, hub } = parts;
  if (changes === undefined) return;
  const { builder } = subgraph;
  const order: OrderLevel[] =
    changes.kind === 'log'
      ? []
      : [changes.field, ...key.filter((field) => field !== changes.field)].map((field) => ({
          field,
          direction: 'ASC',
        }));
  const from = changes.kind === 'log' ? driver.changes : polledChanges(driver, order);
  if (from === undefined) throw new Error(`${source} keeps no record of changes.`);
  const name = `${source}.${tableIdOf(relation)}:changes:${order.map(({ field }) => field).join()}`;
  const placeOf = (cursor: string): ChangePlace => {
    const place = decodeCursor(name, cursor, changes.kind === 'log' ? 2 : order.length);
    if (!from.isPlace(place)) throw malformedCursor();
    return place;
  };
  const ref = builder.objectRef<Change>(`${type.name}Change`).implement({
    description: `A change of one of ${items}.`,
    fields: (t) => ({
      kind: t.field({
        type: kinds as never,
        nullable: false,
        description: 'What became of it.',
        resolve: (change) => change.kind as never,
      }),
      node: t.field({
        type: parts.refs.get(type.name)! as never,
        description: 'The row as the change left it; where it is no more, or matches no longer, as it was before.',
        resolve: (({ row }: Change) => row ?? null) as never,
      }),
      cursor: t.field({
        type: 'String',
        nullable: false,
        description: 'Pass it as `after` to continue behind this change.',
        resolve: ({ place }) => encodeCursor(name, place),
      }),
    }),
  });
  const how =
    changes.kind === 'log'
      ? 'Each comes once, in the order of the transactions that made them, as soon as no older transaction runs. Without a gap: pass the last `cursor` seen as `after` when you come back, on any server.'
      : `Told by \`${changes.field}\`, which is looked at every while: what is deleted is not seen, nor what gets an earlier value than one that was seen. Pass the last \`cursor\` seen as \`after\` when you come back.`;
  builder.subscriptionField(`${type.list}Changed`, (t) =>
    t.field({
      type: ref,
      nullable: false,
      description: `Follows changes of ${items}, without end. ${how}`,
      args: {
        where: t.arg({
          type: filterInput(parts, type),
          description: `Of which ${items}, before or after their change; of all of them when absent. What its links lead to is looked at as it is now.`,
        }),
        after: t.arg.string({
          description: 'The `cursor` of the last change seen; what comes from now on when absent.',
        }),
      } as never,
      subscribe: ((_: unknown, args: ChangesArguments, context: RequestContext, info: GraphQLResolveInfo) => {
        const { fields, texts } = neededOf(type, selectedFields(info, [['node']]));
        const followed = { relation, key, fields, texts, where: parseFilter(parts, type, args.where) };
        const after = args.after == null || args.after === '' ? undefined : placeOf(args.after);
        return hub.follow(context, from, followed, after);
      }) as never,
      resolve: ((change: Change) => change) as never,
    }),
  );
}
