/** What MariaDB and MySQL do not have alike. */
import type { JsonType } from '../sql/json.ts';

export interface Flavour {
  /** The kind of source, by which its statements are counted. */
  readonly kind: 'mariadb' | 'mysql';
  /** What it is called, and the oldest that is read. */
  readonly title: string;
  readonly oldest: string;
  /** Whether what `version()` says is one's own. */
  isOne(version: string): boolean;
  /** What a session is set to so that a statement ends in so many milliseconds, which are so many seconds. */
  limited(ms: number, seconds: number): string;
  /** The `sql_mode` of transactions that write. */
  readonly writing: string;
  /** A collation that tells all texts apart, by code point, spaces at their ends too. */
  readonly byCodePoint: string;
  /** How many digits a decimal may have behind the point. */
  readonly scale: number;
  /** What `JSON_TYPE` calls them. */
  readonly jsonTypes: Readonly<Record<JsonType, readonly string[]>>;
  /** Whether it keeps JSON as a text that a rule checks, and reaches not all keys by paths. */
  readonly textualJson: boolean;
  /** Whether it fails to convert a parameter to a character set that has not all of its characters, rather than to write `?`. */
  readonly refusesForeignTexts: boolean;
  /** The function that writes a vector as a text. */
  readonly vectorText: string;
  /** Whether it sorts groups that a window counts wrongly by what is worked out of their keys, as MySQL 9.7 does: then they are counted and sorted as rows. */
  readonly groupsApart: boolean;
  /** Whether `INSERT` tells what it has made. */
  readonly returning: boolean;
}

const JSON_TYPES = {
  null: ['NULL'],
  boolean: ['BOOLEAN'],
  number: ['INTEGER', 'DOUBLE'],
  string: ['STRING'],
  array: ['ARRAY'],
  object: ['OBJECT'],
} as const;

export const MARIADB: Flavour = {
  kind: 'mariadb',
  title: 'MariaDB',
  oldest: '10.6',
  isOne: (version) => /mariadb/i.test(version),
  limited: (_ms, seconds) => `max_statement_time = ${seconds}`,
  writing: 'STRICT_ALL_TABLES',
  byCodePoint: 'utf8mb4_nopad_bin',
  scale: 38,
  jsonTypes: JSON_TYPES,
  textualJson: true,
  refusesForeignTexts: false,
  vectorText: 'VEC_ToText',
  groupsApart: false,
  returning: true,
};

export const MYSQL: Flavour = {
  kind: 'mysql',
  title: 'MySQL',
  oldest: '8.0.17',
  isOne: (version) => !/mariadb/i.test(version),
  // Of statements that read; those that write wait for locks no longer than `innodb_lock_wait_timeout`.
  limited: (ms, seconds) => `max_execution_time = ${ms}, innodb_lock_wait_timeout = ${Math.ceil(seconds)}`,
  // A key of 0 is one, so that the row is found again by what was said.
  writing: 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO',
  byCodePoint: 'utf8mb4_0900_bin',
  scale: 30,
  jsonTypes: {
    ...JSON_TYPES,
    number: ['INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL'],
    string: ['STRING', 'BLOB', 'OPAQUE', 'DATE', 'TIME', 'DATETIME'],
  },
  textualJson: false,
  refusesForeignTexts: true,
  vectorText: 'VECTOR_TO_STRING',
  groupsApart: true,
  returning: false,
};
