/** What the parts of a source's schema are built with. */
import type { ImplementableObjectRef } from '@pothos/core';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { AuditSink, Embedder } from '#subgraphs/shared/ports.ts';
import type { ChangeHub } from '../changes/hub.ts';
import type { SourceDriver, SourceRow } from '../driver.ts';
import type { Loaders } from '../loaders.ts';
import type { InputParts } from './filters.ts';

export type RowRef = ImplementableObjectRef<PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>, SourceRow>;

export interface SchemaParts extends InputParts {
  readonly source: string;
  readonly driver: SourceDriver;
  /** Keeps who changed what. */
  readonly audit: AuditSink['changed'];
  /** Makes vectors of texts; undefined where nothing does. */
  readonly embedder: () => Embedder | undefined;
  /** Follows changes of its rows. */
  readonly hub: ChangeHub;
  /** Told what shows that the store is not as it was when it was looked at. */
  readonly changed: (what: string) => void;
  readonly loaders: (context: RequestContext) => Loaders;
  /** The object type of each of the model's types. */
  readonly refs: ReadonlyMap<string, RowRef>;
}
