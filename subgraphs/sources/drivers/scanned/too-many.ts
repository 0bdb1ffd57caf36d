/** Rows that would have to be looked at, and are too many. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Relation, SourceOptions } from '../../driver.ts';

class TooMany extends CodedError {}

export const tooMany = ({ scanned, name }: SourceOptions, { table }: Relation): CodedError =>
  new TooMany(
    'QUERY_TOO_COSTLY',
    `The source ${name} would have to read more than ${scanned.toLocaleString('en')} rows of ${table}, which its store neither filters nor sorts.`,
    { hint: 'Filter by equality, or leave `orderBy` out. Operators may raise SOURCES_SCANNED_ROWS.' },
  );

export const isTooMany = (error: unknown): boolean => error instanceof TooMany;
