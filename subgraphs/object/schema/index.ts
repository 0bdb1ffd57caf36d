/** The object subgraph's part of the API: the bytes behind documents and artifacts, and uploads. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import type { GraphQLSchema } from 'graphql';
import { addAggregateField } from '#subgraphs/shared/aggregates/types.ts';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { listedBy } from '#subgraphs/shared/conditions.ts';
import { connectionType, forwardArguments } from '#subgraphs/shared/connections.ts';
import { noteHint } from '#subgraphs/shared/hints.ts';
import { insteadUse } from '#subgraphs/shared/renamed.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { selects } from '#subgraphs/shared/selections.ts';
import { OBJECT } from '../bounds.ts';
import { OBJECT_KINDS } from '../filters/aggregate.ts';
import { objectCondition } from '../filters/condition.ts';
import type { PutRequest } from '../input.ts';
import { filterInput } from './filter.ts';
import { createResolvers, type ObjectDeps, type StoredObject, type UploadRequest } from './resolvers.ts';

const NEW_KEY =
  'Where to store it: segments joined by `/`, no `.` or `..`, at most 1,024 bytes. An object under this key is replaced.';
/** What a list of objects is told for besides its count. */
const PAGED = ['edges', 'nodes', 'pageInfo'];
const MEDIA_TYPE = 'The media type, such as `text/markdown`.';

/** Builds the schema; `deps` is only read when fields are resolved. */
export function buildSchema(deps: ObjectDeps): GraphQLSchema {
  const subgraph = createSubgraphSchema({ query: true, mutation: true });
  const { builder, shared } = subgraph;
  const resolvers = createResolvers(deps);

  const storedObject = builder.objectRef<StoredObject>('StoredObject').implement({
    description:
      'Bytes kept in the object store under a key. Fields other than `key` are null as long as no such object exists, ' +
      'as with a document whose bytes are still being delivered.',
    fields: (t) => ({
      key: t.exposeString('key', {
        nullable: false,
        description: 'The key: segments joined by `/`, unique within the tenant.',
      }),
      size: t.field({
        type: shared.BigInt,
        description: 'The number of bytes.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'sizeBytes'),
      }),
      sizeBytes: t.float({
        ...insteadUse('size'),
        description: 'The number of bytes; a whole number.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'sizeBytes'),
      }),
      mediaType: t.string({
        description: 'The media type that was given when the object was stored, such as `text/markdown`.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'contentType'),
      }),
      contentType: t.string({
        ...insteadUse('mediaType'),
        description: 'The media type that was given when the object was stored, such as `text/markdown`.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'contentType'),
      }),
      checksum: t.string({
        description:
          'SHA-256 of the bytes in lower-case hexadecimal; null where the store was filled by somebody who left none.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'checksum'),
      }),
      updatedAt: t.field({
        type: 'DateTime',
        description: 'When the bytes were stored last.',
        resolve: (object, _args, context) => resolvers.info(context, object, 'updatedAt'),
      }),
      downloadUrl: t.string({
        description:
          'A signed URL from which the bytes can be fetched with GET, without further credentials, by anybody who has it. ' +
          'Ranges are supported.',
        args: {
          expiresIn: t.arg.int({
            defaultValue: OBJECT.defaultLinkSeconds,
            description: `For how many seconds the URL works: 1 to ${OBJECT.signedSeconds}, or to what the server is set to.`,
          }),
        },
        resolve: (object, { expiresIn }, context) => resolvers.downloadUrl(context, object, expiresIn),
      }),
      text: t.string({
        description:
          'The start of the bytes as text; null where the media type is not text. A character that `maxBytes` would cut in two is ' +
          "left out; bytes that are not text in the type's charset (UTF-8 when it names none) become U+FFFD.",
        args: {
          maxBytes: t.arg.int({
            defaultValue: OBJECT.defaultTextBytes,
            description: `How many bytes to read at most: 1 to ${OBJECT.mostTextBytes}.`,
          }),
        },
        resolve: (object, { maxBytes }, context) => resolvers.text(context, object, maxBytes),
      }),
    }),
  });
  builder.asEntity(storedObject, {
    key: builder.selection<{ key: string }>('key'),
    resolveReference: ({ key }) => ({ key }),
  });

  const counted = OBJECT.counted;
  const scanned = OBJECT.scanned;
  const connection = connectionType<StoredObject>(subgraph, 'Object', {
    node: storedObject,
    items: 'stored objects',
    totalCount: `How many there are in all pages together; counted only when asked for, up to ${counted.toLocaleString('en')}, or what the server is set to. Null where there are more, and where more have to be looked at for \`where\` than may be.`,
  });

  const filter = filterInput(subgraph);
  const tooMany = (what: string): string =>
    `Past ${scanned.toLocaleString('en')} objects that are looked at for ${what}, or what the server is set to, QUERY_TOO_COSTLY: narrow it to keys, or to what they start with.`;

  addAggregateField(
    subgraph,
    {
      name: 'StoredObject',
      items: 'stored objects',
      columns: Object.fromEntries(
        Object.entries(OBJECT_KINDS).map(([field, kind]) => [
          field,
          { kind, type: kind === 'text' ? 'String' : kind === 'moment' ? 'DateTime' : shared.BigInt },
        ]),
      ),
    },
    {
      name: 'objectsAggregate',
      description: `How many stored objects match and how many bytes they have, by what they have. Object stores count nothing themselves: those that may match are looked at. ${tooMany('it')}`,
      where: filter,
      conditionOf: objectCondition,
      aggregate: resolvers.aggregate,
    },
  );
  builder.queryFields((t) => ({
    object: t.field({
      type: storedObject,
      description: 'The object with this key; null where there is none.',
      args: { key: t.arg.string({ required: true, description: 'The key, such as `notes/today.md`.' }) },
      resolve: (_root, { key }, context) => resolvers.object(context, key),
    }),
    objects: t.field({
      type: connection,
      directives: { lists: { ...listedBy('key'), sorts: ['key', 'size', 'mediaType', 'updatedAt'] } },
      description: 'Stored objects in the order of their keys (compared as UTF-8 bytes).',
      args: {
        where: t.arg({
          type: filter,
          description: `Which objects; all of them when absent. ${tooMany('a page')}`,
        }),
        prefix: t.arg.string({
          description: 'Only keys that start with this, such as `documents/`; all keys when absent.',
        }),
        ...forwardArguments(t.arg),
      },
      resolve: (_root, args, context, info) =>
        resolvers.objects(context, args, selects(info, PAGED), (hint) => noteHint(info, hint)),
    }),
  }));

  const encoding = builder.enumType('ContentEncoding', {
    description: 'How bytes are written as text.',
    values: {
      UTF8: { description: 'The bytes are the UTF-8 encoding of the text.' },
      BASE64: { description: 'The text is the bytes in base64 (RFC 4648, with padding).' },
    } as const,
  });

  const header = builder.objectRef<{ name: string; value: string }>('HttpHeader').implement({
    description: 'A header of an HTTP request.',
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: 'The name of the header.' }),
      value: t.exposeString('value', { nullable: false, description: 'Its value, to be sent as it is.' }),
    }),
  });

  const uploadInput = builder.inputRef<UploadRequest>('RequestUploadInput').implement({
    description: 'The object that is going to be uploaded.',
    fields: (t) => ({
      key: t.string({
        required: true,
        description: NEW_KEY,
      }),
      ...mediaTypeFields(t),
      size: t.field({
        type: shared.BigInt,
        description: `The exact number of bytes, which is required: up to ${OBJECT.singlePutBytes} (5 GiB), or to what the server is set to.`,
      }),
      sizeBytes: t.float({ ...insteadUse('size'), description: 'The exact number of bytes: a whole number.' }),
      sha256: t.string({
        description: 'SHA-256 of the bytes in hexadecimal; bytes with another checksum are refused.',
      }),
      expiresIn: t.int({
        description: `For how many seconds the upload may begin: 1 to ${OBJECT.signedSeconds}, or to what the server is set to; ${OBJECT.defaultLinkSeconds} when absent.`,
      }),
    }),
  });

  const uploadPayload = builder
    .objectRef<Awaited<ReturnType<typeof resolvers.requestUpload>>>('RequestUploadPayload')
    .implement({
      description: 'A signed request that stores the bytes; send it as it is, with the bytes as body.',
      fields: (t) => ({
        url: t.exposeString('url', { nullable: false, description: 'Where to send the bytes.' }),
        method: t.exposeString('method', { nullable: false, description: 'The HTTP method to use.' }),
        headers: t.expose('headers', {
          type: [header],
          nullable: { list: false, items: false },
          description: 'The headers that must be sent with exactly these values.',
        }),
        object: t.expose('object', {
          type: storedObject,
          nullable: false,
          description: 'The object as it is now: its fields are null until the bytes have arrived.',
        }),
      }),
    });

  const putInput = builder.inputRef<PutRequest>('PutObjectInput').implement({
    description: `A small object with its bytes: at most ${OBJECT.putBytes} (8 MiB), or what the gateway accepts as request body.`,
    fields: (t) => ({
      key: t.string({
        required: true,
        description: NEW_KEY,
      }),
      ...mediaTypeFields(t),
      content: t.string({ required: true, description: 'The bytes, written as `encoding` says.' }),
      encoding: t.field({ type: encoding, required: true, description: 'How `content` writes the bytes.' }),
    }),
  });

  const putPayload = builder.objectRef<{ object: StoredObject }>('PutObjectPayload').implement({
    description: 'The stored object.',
    fields: (t) => ({
      object: t.expose('object', { type: storedObject, nullable: false, description: 'The object as it was stored.' }),
    }),
  });

  const deleteInput = builder.inputRef<{ key: string }>('DeleteObjectInput').implement({
    description: 'The object to delete.',
    fields: (t) => ({ key: t.string({ required: true, description: 'Its key.' }) }),
  });

  const deletePayload = builder.objectRef<{ key: string; deleted: boolean }>('DeleteObjectPayload').implement({
    description: 'What became of the object.',
    fields: (t) => ({
      key: t.exposeString('key', { nullable: false, description: 'The key that was given.' }),
      deletedIds: t.idList({
        ...DELETED_IDS,
        description: 'The key, where there was such an object; as all deletions have it.',
        resolve: ({ key, deleted }) => (deleted ? [key] : []),
      }),
      deleted: t.exposeBoolean('deleted', {
        nullable: false,
        description: 'Whether there was such an object; deleting twice is no error.',
      }),
    }),
  });

  builder.mutationFields((t) => ({
    requestUpload: t.field({
      directives: takes('objects:write'),
      type: uploadPayload,
      description: 'Signs an upload: nothing is stored until the request that it returns has been sent with the bytes.',
      args: { input: t.arg({ type: uploadInput, required: true, description: 'What is going to be uploaded.' }) },
      resolve: (_root, { input }, context) => resolvers.requestUpload(context, input),
    }),
    putObject: t.field({
      directives: takes('objects:write'),
      type: putPayload,
      description: 'Stores a small object, replacing what is there. Storing the same bytes again changes nothing.',
      args: { input: t.arg({ type: putInput, required: true, description: 'The object.' }) },
      resolve: (_root, { input }, context) => resolvers.putObject(context, input),
    }),
    deleteObject: t.field({
      directives: takes('objects:write'),
      type: deletePayload,
      description: 'Deletes an object. URLs that were signed for it answer 404 from then on.',
      args: { input: t.arg({ type: deleteInput, required: true, description: 'The object.' }) },
      resolve: (_root, { input }, context) => resolvers.deleteObject(context, input.key),
    }),
  }));

  return subgraph.build();
}

/** An input's media type, by both of its names. */
const mediaTypeFields = (
  t: Pick<PothosSchemaTypes.InputFieldBuilder<any, 'InputObject'>, 'string'>, // eslint-disable-line @typescript-eslint/no-explicit-any -- any builder
) => ({
  mediaType: t.string({ description: `${MEDIA_TYPE} Required.` }),
  contentType: t.string({ ...insteadUse('mediaType'), description: MEDIA_TYPE }),
});
