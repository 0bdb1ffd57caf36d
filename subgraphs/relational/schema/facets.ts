/** `documentFacets`: what documents may be filtered by. */
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { RELATIONAL } from '../bounds.ts';
import type { DocumentFacets, MetadataKeyFacet, NameFacet, ValueFacet } from '../driver.ts';
import { MODELS, type Model } from '../models/columns.ts';
import { parseFilter } from '../models/filters.ts';
import type { SchemaParts } from './entity.ts';
import { tellUnknown } from './unknown.ts';

const KEYS = { default: RELATIONAL.facetsDefault, max: RELATIONAL.facets };
const VALUES = { default: RELATIONAL.facetValuesDefault, max: RELATIONAL.facetValues };

export function addFacets(parts: SchemaParts): void {
  const { builder, driver, inputs } = parts;
  const assumed = (assumedSize: number) => ({ listSize: { assumedSize } });
  const name = builder.objectRef<NameFacet>('DocumentFacet').implement({
    description: 'A name, and how many documents have it.',
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: 'The name, as filters take it.' }),
      count: t.exposeInt('count', { nullable: false, description: 'How many documents have it.' }),
    }),
  });
  const value = builder.objectRef<ValueFacet>('MetadataValueFacet').implement({
    description: 'A value in the metadata of documents, and how many have it.',
    fields: (t) => ({
      value: t.field({
        type: 'JSON',
        nullable: false,
        description: 'A text, a number or a boolean, as filters take it.',
        resolve: (facet) => facet.value,
      }),
      count: t.exposeInt('count', { nullable: false, description: 'How many documents have it.' }),
    }),
  });
  const key = builder.objectRef<MetadataKeyFacet>('MetadataKeyFacet').implement({
    description: 'A key of the metadata of documents, and how many have it.',
    fields: (t) => ({
      key: t.exposeString('key', {
        nullable: false,
        description: 'The key: the `path` of a condition begins with it.',
      }),
      count: t.exposeInt('count', { nullable: false, description: 'How many documents have it.' }),
      values: t.field({
        directives: assumed(VALUES.default),
        type: [value],
        nullable: { list: false, items: false },
        description: `Its values, the commonest first: those of a list each by itself; neither objects, null, nor what is longer than ${RELATIONAL.facetValueCharacters} characters.`,
        resolve: (facet) => [...facet.values],
      }),
    }),
  });
  const facets = builder.objectRef<DocumentFacets>('DocumentFacets').implement({
    description: 'What documents may be filtered by, the commonest first.',
    fields: (t) => ({
      documents: t.exposeInt('documents', { nullable: false, description: 'How many documents were looked at.' }),
      truncated: t.exposeBoolean('truncated', {
        nullable: false,
        description: 'Whether more match than are looked at, so that the counts are of some only.',
      }),
      collections: t.field({
        directives: assumed(KEYS.default),
        type: [name],
        nullable: { list: false, items: false },
        description: 'The collections that they are in.',
        resolve: (found) => [...found.collections],
      }),
      mediaTypes: t.field({
        directives: assumed(KEYS.default),
        type: [name],
        nullable: { list: false, items: false },
        description: 'The media types of their texts.',
        resolve: (found) => [...found.mediaTypes],
      }),
      metadataKeys: t.field({
        directives: assumed(KEYS.default),
        type: [key],
        nullable: { list: false, items: false },
        description: 'The keys that their metadata has, those of its first level.',
        resolve: (found) => [...found.metadataKeys],
      }),
    }),
  });
  builder.queryField('documentFacets', (t) =>
    t.field({
      type: facets,
      directives: { cost: { weight: WEIGHT.walk } },
      description: `What the documents that match may be filtered by, with how many have it: collections, media types, keys of metadata and their values. At most ${RELATIONAL.facetDocuments.toLocaleString('en')} documents are looked at.`,
      args: {
        where: t.arg({ type: inputs.get('Document')!.where, description: 'Which documents; all of them when absent.' }),
        first: t.arg.int({
          description: `How many of each kind to return: 0 to ${KEYS.max}; ${KEYS.default} when absent.`,
        }),
        values: t.arg.int({
          description: `How many values of each key: 0 to ${VALUES.max}; ${VALUES.default} when absent.`,
        }),
      },
      resolve: async (_, { where, first, values }, context, info) => {
        const condition = parseFilter(MODELS.Document as Model, where);
        const found = await driver().documentFacets(context, condition, {
          first: howMany('first', first, KEYS),
          values: howMany('values', values, VALUES),
          documents: RELATIONAL.facetDocuments,
          valueCharacters: RELATIONAL.facetValueCharacters,
        });
        if (found.documents === 0) await tellUnknown(driver(), where, condition, context, info);
        return found;
      },
    }),
  );
}

/** @throws CodedError `BAD_USER_INPUT` */
function howMany(name: string, given: number | null | undefined, limits: { default: number; max: number }): number {
  const many = given ?? limits.default;
  if (many < 0 || many > limits.max) throw badUserInput(`\`${name}\` is 0 to ${limits.max}; got ${many}.`);
  return many;
}
