/**
 * Links from one store to another, and to and from the project's own types. The field of a link is of the subgraph that has
 * what it leads to: it adds it to the other's type, and is sent what the link compares.
 */
import type { LeadsArguments } from '#subgraphs/shared/conditions.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import type { ValueKind } from '../driver.ts';
import { BUILT_IN, type BuiltInType } from './built-in.ts';
import type { Draft, DraftSource, StubDraft } from './draft.ts';
import type { AcrossSettings, SourcesFile } from './format.ts';
import { aggregateName, columnOf, endOf, isTaken, isUnique } from './links.ts';
import { isFilterable, lookupKey, ROW_KEY, type ModelColumn } from './model.ts';
import { fieldName, linkName } from './names.ts';
import type { Faults } from './read.ts';

/** Rows of a source, by columns. */
interface RowsEnd {
  readonly source: DraftSource;
  readonly draft: Draft;
  readonly columns: readonly string[];
}

/** A type of the project's own, by a field. */
interface OwnEnd {
  readonly type: string;
  readonly builtIn: BuiltInType;
  readonly field: string;
  /** Where in the field, which is JSON, the value is; undefined for the field itself. */
  readonly path: readonly string[] | undefined;
}

/** One link that is being added. */
interface Linking {
  readonly link: AcrossSettings;
  readonly fault: (key: 'from' | 'to' | 'name' | 'back' | undefined, message: string) => void;
  /** Fields that links added, as `Type.field`. */
  readonly added: Set<string>;
}

/**
 * Adds the links to the drafts.
 * @param sources those of which it is known what they hold; links to others are left out
 */
export function linkAcross(file: SourcesFile, sources: ReadonlyMap<string, DraftSource>, faults: Faults): void {
  const added = new Set<string>();
  for (const [index, link] of (file.links ?? []).entries()) {
    const fault: Linking['fault'] = (key, message) =>
      faults.add(['links', index, ...(key === undefined ? [] : [key])], message);
    const from = placeOf(file, sources, link.from, (message) => fault('from', message));
    const to = placeOf(file, sources, link.to, (message) => fault('to', message));
    if (from === undefined || to === undefined) continue;
    if ('type' in from && 'type' in to)
      fault(undefined, `${link.from} and ${link.to} are both of the project's own. One end of a link is a source's.`);
    else if ('type' in from) linkFrom({ link, fault, added }, from, to as RowsEnd);
    else if ('type' in to) linkTo({ link, fault, added }, from, to);
    else linkRows({ link, fault, added }, from, to);
  }
}

/** What an end names; undefined where that is told, or cannot be known now. */
function placeOf(
  file: SourcesFile,
  sources: ReadonlyMap<string, DraftSource>,
  place: string,
  fault: (message: string) => void,
): RowsEnd | OwnEnd | undefined {
  const point = place.indexOf('.');
  const [name, rest] = [place.slice(0, point), place.slice(point + 1)];
  if (/^[A-Z]/.test(name)) return ownEnd(name, rest.split('.'), fault);
  if (!(name in file.sources)) {
    fault(
      `there is no source ${JSON.stringify(name)}.${meant(name, Object.keys(file.sources))} An end is \`source.table.column\`, or of one of the types ${Object.keys(BUILT_IN).join(', ')}.`,
    );
    return undefined;
  }
  const source = sources.get(name);
  if (source === undefined) return undefined;
  const end = endOf({ ...source, fault: (_, message) => fault(`${name}: ${message}`) }, rest, []);
  return end && { source, ...end };
}

function ownEnd(name: string, [field, ...path]: readonly string[], fault: (message: string) => void) {
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (builtIn === undefined) {
    fault(`there is no type ${name} to link with.${meant(name, Object.keys(BUILT_IN))}`);
    return undefined;
  }
  const fields = Object.keys(builtIn.fields);
  const found = Object.hasOwn(builtIn.fields, field!) ? builtIn.fields[field!] : undefined;
  if (found === undefined) {
    fault(
      `${name} has no field ${JSON.stringify(field)} to compare.${meant(field!, fields)} It has ${fields.join(', ')}.`,
    );
    return undefined;
  }
  if ((found.kind === 'json') !== path.length > 0) {
    fault(
      path.length > 0
        ? `${name}.${field} is no JSON that ${path.join('.')} could be in. Say ${name}.${field} alone.`
        : `${name}.${field} is JSON: say where in it the value is, such as ${name}.${field}.customerId.`,
    );
    return undefined;
  }
  return { type: name, builtIn, field: field!, path: found.kind === 'json' ? path : undefined } satisfies OwnEnd;
}

const meant = (name: string, known: readonly string[]): string => {
  const [first] = likeliest(name, known);
  return first === undefined ? '' : ` Did you mean ${JSON.stringify(first)}?`;
};

/** Kinds whose values two stores write alike. */
const COMPARED: Partial<Record<ValueKind, string>> = {
  int: 'whole numbers',
  bigint: 'whole numbers',
  decimal: 'decimals',
  text: 'texts',
  id: 'texts',
};

function linkRows(linking: Linking, from: RowsEnd, to: RowsEnd): void {
  const { link, fault } = linking;
  if (from.source === to.source) {
    fault(undefined, `both ends are of ${from.source.name}. Say it in the \`links\` of that source.`);
    return;
  }
  if (from.columns.length !== to.columns.length) {
    fault(
      undefined,
      `${link.from} has ${from.columns.length} columns and ${link.to} ${to.columns.length}. A link needs as many at both ends.`,
    );
    return;
  }
  for (const [place, column] of from.columns.entries()) {
    const [own, other] = [columnOf(from.draft, column), columnOf(to.draft, to.columns[place]!)];
    const [ours, theirs] = [own, other].map(({ kind, list }) => (list ? undefined : COMPARED[kind]));
    if (ours !== undefined && ours === theirs) continue;
    fault(
      undefined,
      `${column} of ${from.source.name} is ${own.native}${own.list ? '[]' : ''}, and ${to.columns[place]} of ${to.source.name} is ${other.native}${other.list ? '[]' : ''}. A link between stores compares whole numbers, decimals or texts with their like.`,
    );
    return;
  }
  const pairs = from.columns.map((column, place) => [fieldOf(from, column), fieldOf(to, to.columns[place]!)] as const);
  const [column] = from.columns;
  const [one, isOne] = [isUnique(to.draft, to.columns), isUnique(from.draft, from.columns)];
  const there =
    link.name ??
    (one
      ? ((from.columns.length === 1 ? linkName(column!) : undefined) ?? fieldName(to.draft.type.name))
      : to.draft.type.list);
  const back = link.back ?? (isOne ? fieldName(from.draft.type.name) : from.draft.type.list);
  const reversed = pairs.map(([own, other]) => [other, own] as const);
  if (there !== false) addToRows(linking, 'name', from, to, there, pairs, leadsOf(from, to, pairs, one, back));
  if (back !== false) addToRows(linking, 'back', to, from, back, reversed, leadsOf(to, from, reversed, isOne, there));
}

/**
 * How filters of `of` ask for the rows of `to` that a link leads to.
 * @param one whether it leads to one of them at the most
 * @param back the field that leads back; false where there is none
 */
function leadsOf(
  of: RowsEnd,
  to: RowsEnd,
  pairs: readonly (readonly [string, string])[],
  one: boolean,
  back: string | false,
): LeadsArguments | undefined {
  if (lookupKey(of.draft.type) === undefined || !canLead(to)) return undefined;
  of.draft.type.linkedAcross = true;
  const [[own, other]] = pairs as [readonly [string, string]];
  const kinds = [columnFor(of.draft.type, own), columnFor(to.draft.type, other)];
  const isKey = pairs.length === 1 && one && to.draft.type.key[0] === other;
  if (isKey && isFilterable(kinds[0]!) && kinds[0]!.kind === kinds[1]!.kind) return { by: own };
  return back === false ? {} : { back };
}

/** Whether filters can ask for its rows. Then its list says so. */
function canLead({ draft: { type } }: RowsEnd): boolean {
  if (lookupKey(type) === undefined) return false;
  type.linkedAcross = true;
  return true;
}

const columnFor = (type: Draft['type'], field: string): ModelColumn =>
  type.columns.find((column) => column.field === field)!;

const fieldOf = ({ draft }: RowsEnd, column: string): string => draft.fieldOf.get(column)!;

/** Adds to the type of `of`, which is another source's, a field that leads to rows of `to`. */
function addToRows(
  linking: Linking,
  said: 'name' | 'back',
  of: RowsEnd,
  to: RowsEnd,
  field: string,
  pairs: readonly (readonly [string, string])[],
  leads: LeadsArguments | undefined,
): void {
  const { type } = of.draft;
  if (type.key.length === 0) {
    linking.fault(
      undefined,
      `${type.name} has no key, so that no other store can add \`${field}\` to it. Give ${of.draft.table.name} a \`key\` in the types of ${of.source.name}, or say \`${said}: false\`.`,
    );
    return;
  }
  const column = (name: string): ModelColumn => columnFor(type, name);
  const stub = stubOf(linking, to, type.name, type.key.map(column));
  if (stub === undefined) return;
  for (const [own] of pairs) if (!type.key.includes(own)) stub.compared.set(own, column(own));
  addToStub(linking, said, stub, to, type, field, pairs, leads);
}

/** From a field of the project's own to rows. */
function linkFrom(linking: Linking, from: OwnEnd, to: RowsEnd): void {
  const { link, fault } = linking;
  const { type, builtIn, field, path } = from;
  if (!isLike(linking, to, path === undefined ? builtIn.fields[field]!.kind : undefined)) return;
  const own = fieldOf(to, to.columns[0]!);
  const one = isUnique(to.draft, to.columns);
  const there =
    link.name ?? (one ? (linkName(path?.at(-1) ?? field) ?? fieldName(to.draft.type.name)) : to.draft.type.list);
  if (there !== false) {
    const stub = stubOf(linking, to, type, keyOf(from));
    if (stub !== undefined) {
      if (field !== builtIn.key) stub.compared.set(field, ownColumn(from, field));
      const paths = path ? { [field]: path } : {};
      const back = typeof link.back === 'string' && field === builtIn.key ? { back: link.back } : {};
      const leads = canLead(to) ? back : undefined;
      addToStub(linking, 'name', stub, to, { name: type }, there, [[field, own]], leads, paths);
    }
  }
  if (typeof link.back !== 'string') return;
  if (field === builtIn.key) addReference(linking, 'back', to, from, link.back);
  else
    fault(
      'back',
      `rows cannot lead back to ${type} by ${link.from}: only ${type}.${builtIn.key} names one. Leave \`back\` out; lists of ${type} have filters for that.`,
    );
}

/** From rows to a type of the project's own. */
function linkTo(linking: Linking, from: RowsEnd, to: OwnEnd): void {
  const { link, fault } = linking;
  const { type, builtIn, field } = to;
  if (field !== builtIn.key) {
    fault(
      'to',
      `${link.to} does not name one ${type}: ${type}.${builtIn.key} does. Say that, or turn the link around, so that ${type} leads to rows.`,
    );
    return;
  }
  if (!isLike(linking, from, 'text')) return;
  const [column] = from.columns;
  const there = link.name ?? linkName(column!) ?? fieldName(type);
  if (there !== false) addReference(linking, 'name', from, to, there);
  const one = isUnique(from.draft, from.columns);
  const back = link.back ?? (one ? fieldName(from.draft.type.name) : from.draft.type.list);
  if (back === false) return;
  const stub = stubOf(linking, from, type, keyOf(to));
  const leads = canLead(from) ? (there === false ? {} : { back: there }) : undefined;
  if (stub !== undefined)
    addToStub(linking, 'back', stub, from, { name: type }, back, [[field, fieldOf(from, column!)]], leads);
}

/** Whether the rows' end is one column of what may be compared. @param kind undefined for a value in JSON */
function isLike({ link, fault }: Linking, { draft, columns }: RowsEnd, kind: ValueKind | undefined): boolean {
  const [name] = columns;
  const { kind: own, native, list } = columnOf(draft, name!);
  const like = list ? undefined : COMPARED[own];
  if (columns.length === 1 && like !== undefined && (kind === undefined || like === COMPARED[kind])) return true;
  fault(
    undefined,
    columns.length > 1
      ? `${link.from} and ${link.to} do not have as many columns.`
      : `${name} of ${draft.table.id} is ${native}${list ? '[]' : ''}, which cannot be compared with ${kind === undefined ? 'a value in JSON. Whole numbers, decimals and texts can' : 'a text. Name a column of texts'}.`,
  );
  return false;
}

const ownColumn = ({ type, builtIn }: OwnEnd, field: string): ModelColumn => ({
  field,
  ...builtIn.fields[field]!,
  list: false,
  enum: undefined,
  description: `The \`${field}\` of the ${type}.`,
});

const keyOf = (end: OwnEnd): ModelColumn[] => [ownColumn(end, end.builtIn.key)];

function stubOf(
  { fault }: Linking,
  { source }: RowsEnd,
  name: string,
  key: readonly ModelColumn[],
): StubDraft | undefined {
  const taken = source.names.get(name);
  if (taken !== undefined) {
    fault(
      undefined,
      `the source ${source.name} has a type ${name} too (${taken}). Say another \`name\` for it, or a \`prefix\` for the source.`,
    );
    return undefined;
  }
  let stub = source.stubs.get(name);
  if (stub === undefined) source.stubs.set(name, (stub = { key, compared: new Map(), links: [] }));
  return stub;
}

function addReference(linking: Linking, said: 'name' | 'back', from: RowsEnd, to: OwnEnd, field: string): void {
  const stub = stubOf(linking, from, to.type, keyOf(to));
  if (stub === undefined || !isFree(linking, said, from.draft.type, field)) return;
  const own = fieldOf(from, from.columns[0]!);
  from.draft.type.linkedAcross = true;
  from.draft.type.references.push({
    field,
    to: to.type,
    pairs: [[own, to.builtIn.key]],
    leads: isFilterable(columnFor(from.draft.type, own)) ? { by: own } : undefined,
    description: `The ${to.type} that \`${own}\` names; its other fields are null where there is none that the caller may see.`,
  });
}

/** @param of the type of another subgraph that gets the field */
function addToStub(
  linking: Linking,
  said: 'name' | 'back',
  stub: StubDraft,
  to: RowsEnd,
  of: NamedType,
  field: string,
  pairs: readonly (readonly [string, string])[],
  leads: LeadsArguments | undefined,
  paths: Readonly<Record<string, readonly string[]>> = {},
): void {
  if (!isFree(linking, said, of, field)) return;
  const { draft, source, columns } = to;
  const { added } = linking;
  const many = !isUnique(draft, columns);
  const aggregate =
    many && draft.type.aggregate !== undefined
      ? aggregateName(field, (name) => isTaken(of, name) || added.has(`${of.name}.${name}`))
      : undefined;
  if (aggregate !== undefined) added.add(`${of.name}.${aggregate}`);
  const own = pairs.map(([name]) => `\`${[name, ...(paths[name] ?? [])].join('.')}\``).join(' and ');
  const others = pairs.map(([, name]) => `\`${name}\``).join(' and ');
  stub.links.push({
    field,
    to: draft.type.name,
    many,
    pairs,
    paths,
    leads,
    aggregate,
    description: many
      ? `The rows of \`${draft.table.id}\` in ${source.name} whose ${others} ${pairs.length > 1 ? 'are' : 'is'} the ${own} here.`
      : `The row of \`${draft.table.id}\` in ${source.name} whose ${others} ${pairs.length > 1 ? 'are' : 'is'} the ${own} here; null where there is none that the caller may see.`,
  });
}

type NamedType = Pick<Draft['type'], 'name'> & Partial<Draft['type']>;

/** Takes the name for a field. What the project's own types have is compared when all is composed. */
function isFree({ link, fault, added }: Linking, said: 'name' | 'back', type: NamedType, field: string): boolean {
  const { name } = type;
  const id = `${name}.${field}`;
  if ((field !== ROW_KEY || (type.columns ?? []).length === 0) && !isTaken(type, field) && !added.has(id)) {
    added.add(id);
    return true;
  }
  fault(
    undefined,
    `${name} has a field ${field} already. Say another \`${said}\` of the link from ${link.from} to ${link.to}.`,
  );
  return false;
}
