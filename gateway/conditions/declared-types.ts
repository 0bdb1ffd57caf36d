/** What the subgraphs of a supergraph say of their lists and links, and what follows for filters and orders. */

/** A root field that lists a type by a filter. */
export interface TypeList {
  readonly type: string;
  readonly field: string;
  /** The argument that takes the filter. */
  readonly argument: string;
  /** The filter's input type. */
  readonly filter: string;
  /** The field of the type that is its key, and that of the filter that takes keys. */
  readonly key: string;
  /** What its keys compare as. */
  readonly keyKind: ValueKind;
  /** The most keys of one `in`. */
  readonly values: number;
  /** Whether they are GraphQL's `Int`. */
  readonly numeric: boolean;
  /** The most items of a page. */
  readonly page: number;
  /** Whether it tells how many there are. */
  readonly counts: boolean;
  /** How many items come where `first` is absent; undefined where nobody says. */
  readonly first: number | undefined;
  /** The most items of all pages together; Infinity where the list goes on to its end. */
  readonly most: number;
  /** Fields by which lists of what leads here are sorted, where this one is not sorted itself. */
  readonly sorts: readonly string[];
  /** The arguments, and their values, for which the order of its items does not depend on which of them take part. */
  readonly steady: readonly { readonly argument: string; readonly value: unknown }[];
}

/** A condition that one input type gains: on what a field of the filtered type leads to. */
export interface ForeignCondition {
  /** The field of the filtered type, and the condition's name. */
  readonly name: string;
  /** The input type that has it, and what that filters. */
  readonly filter: string;
  readonly type: string;
  /** Whether it is on many: `some`, `every` and `none` of them. */
  readonly many: boolean;
  /** Whether its connection tells how many there are. */
  readonly counts: boolean;
  /** How what is there is listed. */
  readonly target: TypeList;
  /** How what is filtered is listed, where it can be. */
  readonly source: TypeList | undefined;
  /** The filter's field that takes keys, and whose they are: of the target (`by`), or of what is filtered (`back` leads to it). */
  readonly column: string;
  readonly back: { readonly field: string; readonly many: boolean } | undefined;
  readonly values: number;
  readonly numeric: boolean;
  /** Whether nothing tells what leads there: what is filtered is listed, and where that leads is looked at. */
  readonly oneWay: boolean;
  /** The arguments of the link that the condition takes too. */
  readonly takes: readonly LinkArgument[];
  /** The field of the link's connection that is true where it lacks some of what there is. */
  readonly cut: string | undefined;
}

/** Arguments that a field is given, by name. */
export type GivenArguments = ReadonlyMap<string, { readonly type: string; readonly value: unknown }>;

/** An argument of a link, such as how far it goes. */
export interface LinkArgument {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string | undefined;
  readonly defaultValue: unknown;
  /** The same as GraphQL writes it. */
  readonly literal: string | undefined;
  /** For the way back each of these values is the other. */
  readonly turns: readonly [string, string] | undefined;
}

/** A name for a way of several links. */
export interface ThroughCondition {
  readonly name: string;
  readonly filter: string;
  readonly links: readonly ForeignCondition[];
}

/** A root field that ranks objects of a type. */
export interface RankedList {
  readonly type: string;
  readonly field: string;
  /** The argument that takes the filter of what is ranked, and that filter's input type. */
  readonly argument: string;
  readonly filter: string;
  /** That filter's field that takes keys of the type, and how many of them one `in` takes. */
  readonly by: string;
  readonly values: number;
  readonly numeric: boolean;
  readonly takes: readonly LinkArgument[];
  /** Which of them is the least score. */
  readonly least: string;
  /** The edge's field with the score. */
  readonly score: string;
  /** The connection's field that is true where some may be missing. */
  readonly cut: string | undefined;
  readonly page: number;
  /** The most items of all pages together; Infinity where it goes on to its end. */
  readonly most: number;
}

/** A condition on how objects score, which their lists may be sorted by. */
export interface RankCondition {
  /** The condition's name, and the input type that has it. */
  readonly name: string;
  readonly filter: string;
  /** The input type of its value. */
  readonly input: string;
  readonly rank: RankedList;
  /** How the objects themselves are listed. */
  readonly source: TypeList;
  /** What lists are sorted by it as: a value of their order's enum. */
  readonly order: string;
}

/** How values of a field compare. */
export type ValueKind = 'number' | 'digits' | 'moment' | 'text' | 'boolean';

/** What lists of a type are sorted by, as the input of their `orderBy` has it. */
export interface DeclaredOrder {
  readonly input: string;
  /** The enum of its `field`; undefined where it has none. */
  readonly field: string | undefined;
  /** The list whose own it is. */
  readonly list: TypeList;
  /** Whether it is the gateway's own: the list's store does not sort. */
  readonly own: boolean;
  /** What lists are sorted by as these values of the enum: the fields of the type, and rankings. */
  readonly fields: ReadonlyMap<string, OrderedField>;
  readonly ranks: ReadonlyMap<string, RankCondition>;
  /** By the input's fields: what links lead to. */
  readonly links: ReadonlyMap<string, OrderedLink>;
}

export interface OrderedField {
  readonly name: string;
  readonly kind: ValueKind;
  /** Of an enum: its values, with their places among each other. */
  readonly values?: ReadonlyMap<string, number>;
}

export interface OrderedLink {
  readonly link: ForeignCondition;
  /** The input of the order of what it leads to; undefined where it leads to many, of which the number counts. */
  readonly input: string | undefined;
}

/** A condition on what links lead to. */
export type LinkCondition = ForeignCondition | ThroughCondition;

export type DeclaredCondition = LinkCondition | RankCondition;

/** By the filter's input type, and by name. */
export type DeclaredConditions = ReadonlyMap<string, ReadonlyMap<string, DeclaredCondition>>;

export interface Declared {
  readonly conditions: DeclaredConditions;
  /** By the root field. */
  readonly lists: ReadonlyMap<string, TypeList>;
  /** By the input type of orders. */
  readonly orders: ReadonlyMap<string, DeclaredOrder>;
}
