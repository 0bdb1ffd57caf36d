/** What metadata of Hasura v2 says, in a form of its own: what is carried over is decided elsewhere. */

/** What is not carried over, or not as it was: where it stands, what it is, and what to do. */
export interface Note {
  readonly at: string;
  readonly told: string;
}

/** Which rows a permission allows. */
export type Rows =
  | { readonly kind: 'all' }
  /** Those whose column is a session variable of the caller. */
  | { readonly kind: 'variable'; readonly column: string; readonly variable: string }
  /** Anything else, as it is written. */
  | { readonly kind: 'other'; readonly at: string; readonly shown: string };

export type Action = 'select' | 'insert' | 'update' | 'delete';

export interface Permission {
  readonly at: string;
  readonly action: Action;
  readonly role: string;
  /** `*` is all of them. */
  readonly columns: '*' | readonly string[];
  /** Whose rows, before a change. */
  readonly rows: Rows;
  /** Whose they must be after it. */
  readonly check: Rows;
  /** The most rows of one query. */
  readonly limit: number | undefined;
  readonly aggregates: boolean;
  /** Columns whose values the server sets, and to what. */
  readonly presets: ReadonlyMap<string, string>;
  readonly backendOnly: boolean;
}

/** A table as metadata names it. */
export interface Named {
  readonly schema: string;
  readonly name: string;
}

export interface Relationship {
  readonly at: string;
  readonly name: string;
  readonly many: boolean;
  readonly by:
    /** Columns of the table, which a foreign key has. */
    | { readonly kind: 'own'; readonly columns: readonly string[] }
    /** Columns of another table, whose foreign key leads here. */
    | { readonly kind: 'theirs'; readonly table: Named; readonly columns: readonly string[] }
    /** Columns that are equal, whatever the database knows of it; in another database where `source` names one. */
    | {
        readonly kind: 'equal';
        readonly source: string | undefined;
        readonly table: Named;
        readonly pairs: readonly (readonly [own: string, other: string])[];
      };
}

export interface Table extends Named {
  readonly at: string;
  readonly typeName: string | undefined;
  readonly list: string | undefined;
  readonly item: string | undefined;
  readonly comment: string | undefined;
  readonly columns: ReadonlyMap<string, { readonly at: string; readonly name?: string; readonly comment?: string }>;
  readonly relationships: readonly Relationship[];
  readonly permissions: readonly Permission[];
}

export interface Database {
  readonly at: string;
  readonly name: string;
  readonly kind: string;
  /** The variable that holds its URL; undefined where metadata says it otherwise. */
  readonly variable: string | undefined;
  readonly prefix: string | undefined;
  readonly tables: readonly Table[];
}

export interface Metadata {
  readonly databases: readonly Database[];
  readonly notes: readonly Note[];
}
