/** What may stand in the file of sources. The JSON Schema for editors is printed from this. */
import { z } from 'zod';
import { SCOPE_FORM } from '#subgraphs/shared/scopes.ts';
import { SOURCES } from '../bounds.ts';
import { KIND_NAMES, KINDS } from './kinds.ts';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,99}$/;

/** Whether the file may give this name. */
export const isName = (text: string): boolean => NAME.test(text);

const name = (what: string) =>
  z.string().regex(NAME, 'must be a letter followed by letters, digits or _').meta({ description: what });
const column = z.string().min(1);

/** What the file may say that values are. */
const DECLARED = [
  'boolean',
  'int',
  'bigint',
  'float',
  'decimal',
  'text',
  'moment',
  'localMoment',
  'date',
  'json',
] as const;

const Tenancy = z
  .union(
    [
      z.strictObject({
        column: column.meta({ description: "The column of every table that holds its row's tenant." }),
      }),
      z.strictObject({ tenant: z.string().min(1).meta({ description: 'The one tenant whose rows these are.' }) }),
      z.literal('shared'),
    ],
    'must be `{ column: … }`, `{ tenant: … }` or `shared`',
  )
  .meta({
    description:
      'Whose rows these are: of the tenant that a column names, of one tenant, or `shared`: every caller of every tenant may read all of them.',
  });

const Column = z.strictObject({
  name: name("The field's name in the API.").optional(),
  hide: z.boolean().optional().meta({ description: 'Whether the API does not have it.' }),
  type: z
    .enum(DECLARED, `must be one of ${DECLARED.join(', ')}`)
    .optional()
    .meta({ description: 'What it holds, in a store that has no types of its own.' }),
  values: z.array(z.string().min(1)).min(1).max(SOURCES.enumValues).optional().meta({
    description: 'All values that it may have, in their order, in a store that has no types of its own: an enum.',
  }),
  description: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "What it is; in the place of the database's comment." }),
});

const granted = (what: string) =>
  z
    .string()
    .regex(SCOPE_FORM, 'must be a scope, such as `sources:write`')
    .optional()
    .meta({ description: `The scope that one needs to ${what}.` });

const Order = z.strictObject({
  column: column.meta({ description: 'What to sort by.' }),
  direction: z.enum(['ASC', 'DESC'], 'must be ASC or DESC').default('ASC').meta({ description: 'Which way.' }),
});

const Type = z.strictObject({
  name: name("The type's name in the API, such as `Customer`.").optional(),
  item: name('The root field of one row, such as `customer`.').optional(),
  list: name('The root field that lists rows, such as `customers`.').optional(),
  hide: z.boolean().optional().meta({ description: 'Whether the API does not have it.' }),
  description: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "What a row is; in the place of the database's comment." }),
  key: z.array(column).min(1).optional().meta({
    description: 'The columns of which no two rows have the same, where the database does not say, as of a view.',
  }),
  tenancy: Tenancy.optional(),
  orderBy: z
    .array(Order)
    .min(1)
    .max(SOURCES.orderFields)
    .optional()
    .meta({ description: 'The order of lists that ask for none.' }),
  limits: z
    .strictObject({
      default: z
        .int()
        .min(1)
        .max(SOURCES.pageMost)
        .optional()
        .meta({ description: 'How many items a page has where `first` is absent.' }),
      max: z.int().min(1).max(SOURCES.pageMost).optional().meta({ description: 'The largest `first`.' }),
    })
    .refine(
      (limits) => limits.default === undefined || limits.max === undefined || limits.default <= limits.max,
      '`default` is more than `max`',
    )
    .optional()
    .meta({ description: 'Sizes of pages.' }),
  aggregates: z.boolean().optional().meta({
    description:
      'Whether there are fields that count and measure its rows by group, at the root and of what leads to them. As of the source where it is absent.',
  }),
  mutations: z
    .strictObject({
      insert: granted('insert rows'),
      update: granted('change rows, found by their keys'),
      upsert: granted('insert rows or change those that are there'),
      delete: granted('delete rows, found by their keys'),
    })
    .optional()
    .meta({
      description:
        'Which changes of its rows there are, each with the scope that it takes, such as `sources:write`. None where it is absent.',
    }),
  vectors: z
    .record(
      z.string().min(1),
      z.strictObject({
        model: z.string().min(1).max(SOURCES.modelCharacters).optional().meta({
          description:
            'The model that made the vectors. Rows are found by words where the gateway embeds with the same.',
        }),
        hide: z.boolean().optional().meta({ description: 'Whether the API does not have it.' }),
      }),
    )
    .optional()
    .meta({ description: 'What is to be said of its vectors, by column or name; `default` for one without a name.' }),
  changes: z
    .union(
      [
        z.literal('log').meta({
          description:
            'By the record that triggers of a PostgreSQL keep; `npm run sources:changes` prints what makes it.',
        }),
        z.strictObject({
          column: column.meta({ description: 'A column that grows with each change, such as `updated_at`.' }),
        }),
      ],
      'must be `log` or `{ column: … }`',
    )
    .optional()
    .meta({ description: 'Whether there is a subscription to changes of its rows, and how it learns of them.' }),
  columns: z
    .record(z.string(), Column)
    .optional()
    .meta({ description: 'What is to be otherwise of its columns, by their names in the database.' }),
});

const END = /^[^()]+\([^()]+\)$|^[^()]+\.[^().]+$/;
const end = z.string().regex(END, 'must be `table.column`, or `table(column, column)`');

const Link = z.strictObject({
  from: end.meta({
    description: 'The columns that refer, such as `orders.customer_id` or `lines(order_id, shop_id)`.',
  }),
  to: end.meta({ description: 'The columns that are referred to, in the same order, such as `customers.id`.' }),
  name: z
    .union([name('').meta({ description: 'The field of the row that refers, such as `customer`.' }), z.literal(false)])
    .optional()
    .meta({ description: 'The field of the row that refers, such as `customer`; false for none.' }),
  back: z
    .union([
      name('').meta({ description: 'The field that lists the rows that refer, such as `orders`.' }),
      z.literal(false),
    ])
    .optional()
    .meta({ description: 'The field that lists the rows that refer, such as `orders`; false for none.' }),
});

/** `source.table.column`, `source.table(column, column)`, or of a type of the project's own `Document.metadata.customerId`. */
const PLACE = /^[a-z][a-z0-9-]*\.([^()]+\([^()]+\)|[^()]+\.[^().]+)$|^[A-Z][A-Za-z]*(\.[^().]+)+$/;
const place = z
  .string()
  .regex(
    PLACE,
    'must be `source.table.column` or `source.table(column, column)`, or a field of a type of the project such as `Document.metadata.customerId`',
  );

const Across = z.strictObject({
  from: place.meta({
    description:
      'What refers: `billing.orders.customer_id`, `billing.lines(shop, number)`, or `Document.metadata.customerId`.',
  }),
  to: place.meta({ description: 'What is referred to, such as `crm.customers.id` or `StoredObject.key`.' }),
  name: Link.shape.name,
  back: Link.shape.back,
});

const Source = z
  .strictObject({
    kind: z
      .enum(KIND_NAMES, `must be one of the kinds that this version reads: ${KIND_NAMES.join(', ')}`)
      .meta({ description: 'What kind of store it is.' }),
    url: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'must be the name of a variable, such as SHOP_DATABASE_URL, never a URL itself')
      .meta({
        description:
          'The environment variable that holds the URL (or the same with _FILE, the file that does). Never the URL itself.',
      }),
    schemas: z.array(z.string().min(1)).min(1).optional().meta({
      description:
        'Which schemas of the database are read. Where it is absent: `public` of PostgreSQL, the database of the URL of others.',
    }),
    prefix: name(
      'What type names begin with, such as `Shop`, where several sources have tables of one name.',
    ).optional(),
    tenancy: Tenancy.optional(),
    preparedStatements: z.boolean().default(true).meta({
      description: 'Whether statements are prepared; false for poolers that give each transaction another connection.',
    }),
    aggregates: z.boolean().default(true).meta({
      description:
        'Whether there are fields that count and measure rows by group, at the root and of what leads to them.',
    }),
    types: z.record(z.string(), Type).optional().meta({
      description: 'What is to be otherwise than the database says, by table: `customers` or `schema.customers`.',
    }),
    links: z
      .array(Link)
      .optional()
      .meta({ description: 'Names of foreign keys, and links that the database does not know of.' }),
  })
  .transform((source) => ({ ...source, schemas: source.schemas ?? [...KINDS[source.kind].schemas] }));

export const Format = z.strictObject({
  sources: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be a small letter followed by small letters, digits or -'),
      Source,
    )
    .meta({ description: 'The sources, by name.' }),
  links: z
    .array(Across)
    .optional()
    .meta({ description: "Links from one source to another, and to and from the project's own types." }),
});

export type SourcesFile = z.output<typeof Format>;
export type SourceSettings = z.output<typeof Source>;
export type TypeSettings = z.output<typeof Type>;
export type LinkSettings = z.output<typeof Link>;
export type AcrossSettings = z.output<typeof Across>;
/** What may be written, as it is written. */
export type TypeInput = z.input<typeof Type>;
export type LinkInput = z.input<typeof Link>;
export type AcrossInput = z.input<typeof Across>;
export type TenancySettings = z.output<typeof Tenancy>;

/** For editors: `# yaml-language-server: $schema=…` in the file's first line. */
export const jsonSchema = (): string =>
  `${JSON.stringify(
    { title: 'Sources of Tributary', ...z.toJSONSchema(Format, { io: 'input', target: 'draft-7' }) },
    undefined,
    2,
  )}\n`;
