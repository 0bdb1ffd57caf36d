/** Types of other subgraphs: those that fields of this one lead to, and those that get fields by it. */
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { RelationColumn, SourceRow } from '../driver.ts';
import { mayBe } from '../model/fits.ts';
import type { ModelColumn, ModelReference, ModelStub, ModelStubLink } from '../model/model.ts';
import { linkFields, type Fields, type LinkOptions } from './links.ts';
import type { SchemaParts } from './parts.ts';

/** What the engine sends of one: its key, and what the links compare. */
type Sent = Readonly<Record<string, unknown>>;

export function addStub(parts: SchemaParts, { name, key, compared, links }: ModelStub): unknown {
  const { typed } = parts;
  const { builder } = parts.subgraph;
  const selection = builder.selection<Record<string, unknown>>(key.map(({ field }) => field).join(' ') as never);
  const fieldsOf = (t: Fields<Sent>, columns: readonly ModelColumn[]) =>
    Object.fromEntries(
      columns.map((column) => [
        column.field,
        t.field({
          type: (column.list ? [typed(column)] : typed(column)) as never,
          nullable: (column.list ? { list: column.nullable, items: true } : column.nullable) as never,
          resolve: ((row: Sent) => row[column.field]) as never,
        }),
      ]),
    );
  if (links.length === 0) {
    // Nobody is sent here for it.
    const ref = builder.objectRef<Sent>(name);
    builder.asEntity(ref, {
      key: builder.keyDirective(selection, false),
      resolveReference: (sent: Sent) => sent,
    } as never);
    ref.implement({ fields: ((t: Fields<Sent>) => fieldsOf(t, key)) as never });
    return ref;
  }
  const ref = builder.externalRef(name, selection, (sent) => sent);
  return ref.implement({
    externalFields: ((t: Fields<Sent>) => fieldsOf(t, [...key, ...compared])) as never,
    fields: ((t: Fields<Sent>) =>
      Object.assign(
        {},
        ...links.map((link) => linkFields(parts, t, link, ...comparing(parts, key, link))),
      ) as object) as never,
  });
}

/** What a link compares: how it is read of what is sent, and how the engine is told to send it. */
function comparing(
  parts: SchemaParts,
  key: ModelStub['key'],
  { to, pairs, paths, leads }: ModelStubLink,
): readonly [(sent: Sent) => Pick<SourceRow, 'texts'>, LinkOptions] {
  const { columns } = parts.typeOf(to).relation;
  const beside = pairs.map(([own]) => own).filter((own) => !key.some(({ field }) => field === own));
  return [
    (sent) => ({
      texts: Object.fromEntries(
        pairs.map(([own, other]) => [own, textOf(valueAt(sent[own], paths[own]), columns[other]!)]),
      ),
    }),
    {
      ...(leads === undefined ? {} : { led: { directives: { leads } } }),
      ...(beside.length === 0
        ? {}
        : { all: { requires: parts.subgraph.builder.selection(beside.join(' ') as never) } }),
    },
  ];
}

/** Null where nothing is there. */
function valueAt(value: unknown, path: readonly string[] = []): unknown {
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return null;
    value = (value as Sent)[step];
  }
  return value;
}

/** Null, which equals nothing, for what cannot be a value of the column: one must not cost the others their rows. */
function textOf(value: unknown, column: RelationColumn): string | null {
  if (value === null || value === undefined || typeof value === 'boolean') return null;
  if (typeof value === 'object' && !(value instanceof ExactNumber)) return null;
  const text = String(value);
  return mayBe(column, text) ? text : null;
}

/** Null where a part has no value. */
export function referenceOf(texts: SourceRow['texts'], pairs: ModelReference['pairs']): Sent | null {
  const named = pairs.map(([own, key]) => [key, texts[own] ?? null] as const);
  return named.every(([, text]) => text !== null) ? Object.fromEntries(named) : null;
}
