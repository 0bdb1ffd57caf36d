/** The peers' benchmark: four subgraphs (accounts, inventory, products, reviews), and the same as one schema. */
import { buildSubgraphSchema } from '@apollo/subgraph';
import { composeServices } from '@apollo/composition';
import { buildSchema, parse, type GraphQLSchema } from 'graphql';

interface User {
  id: string;
  name: string;
  username: string;
}
interface Product {
  upc: string;
  name: string;
  price: number;
  weight: number;
}
interface Review {
  id: string;
  body: string;
  author: User;
  product: Product;
}

/** The first few know each other, so that a query that walks from one to the next meets them again and again. */
const WELL_CONNECTED = { users: 6, products: 9 };
/** The others have one review and one author each. */
const OTHERS = 330;

const users: User[] = [];
const products: Product[] = [];
const reviews: Review[] = [];
for (let index = 0; index < WELL_CONNECTED.users + OTHERS; index++)
  users.push({ id: `u${index}`, name: `User number ${index}`, username: `@user${index}` });
for (let index = 0; index < WELL_CONNECTED.products + OTHERS; index++) {
  products.push({
    upc: String(index),
    name: `Product number ${index}`,
    price: 100 + ((index * 37) % 900),
    weight: (index * 13) % 1000,
  });
}
for (let index = 0; index < 26; index++) {
  const author = users[index % WELL_CONNECTED.users]!;
  reviews.push({
    id: `r${index}`,
    body: `Love it, ${index} times over!`,
    author,
    product: products[(index * 5) % WELL_CONNECTED.products]!,
  });
}
for (let index = 0; index < OTHERS; index++) {
  const author = users[WELL_CONNECTED.users + index]!;
  reviews.push({
    id: `s${index}`,
    body: `Could be better, by ${index} parts.`,
    author,
    product: products[WELL_CONNECTED.products + index]!,
  });
}

const groupBy = <T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
};
const userById = new Map(users.map((user) => [user.id, user]));
const productByUpc = new Map(products.map((product) => [product.upc, product]));
const reviewsByUser = groupBy(reviews, ({ author }) => author.id);
const reviewsByProduct = groupBy(reviews, ({ product }) => product.upc);
const shippingEstimate = ({ price, weight }: Pick<Product, 'price' | 'weight'>) =>
  price > 1000 ? 0 : Math.round(weight / 2);
const inStock = (upc: string) => Number(upc) % 3 !== 0;
const top = (_: unknown, { first, after }: { first: number; after: number }) => products.slice(after, after + first);
const firstUsers = () => users.slice(0, WELL_CONNECTED.users);

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires", "@provides", "@shareable"])';

const SUBGRAPHS = {
  accounts: {
    typeDefs:
      'type Query { me: User users: [User] } type User @key(fields: "id") { id: ID! name: String username: String @shareable }',
    resolvers: {
      Query: { me: () => users[0], users: firstUsers },
      User: { __resolveReference: ({ id }: User) => userById.get(id) },
    },
  },
  inventory: {
    typeDefs: `type Product @key(fields: "upc") {
      upc: String! weight: Int @external price: Int @external inStock: Boolean shippingEstimate: Int @requires(fields: "price weight")
    }`,
    resolvers: {
      Product: {
        __resolveReference: (given: Product) => ({ ...given, inStock: inStock(given.upc) }),
        shippingEstimate,
      },
    },
  },
  products: {
    typeDefs: `type Query { topProducts(first: Int = 5, after: Int = 0): [Product] }
      type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }`,
    resolvers: {
      Query: { topProducts: top },
      Product: { __resolveReference: ({ upc }: Product) => productByUpc.get(upc) },
    },
  },
  reviews: {
    typeDefs: `type Review @key(fields: "id") { id: ID! body: String author: User @provides(fields: "username") product: Product }
      type User @key(fields: "id") { id: ID! username: String @external reviews: [Review] }
      type Product @key(fields: "upc") { upc: String! reviews: [Review] }`,
    resolvers: {
      Review: {
        author: ({ author }: Review) => ({ id: author.id, username: author.username }),
        product: ({ product }: Review) => ({ upc: product.upc }),
      },
      User: { reviews: ({ id }: User) => reviewsByUser.get(id) ?? [] },
      Product: { reviews: ({ upc }: Product) => reviewsByProduct.get(upc) ?? [] },
    },
  },
};

/** Executable schemas of the subgraphs, by name. */
export const subgraphSchemas = (): Map<string, GraphQLSchema> =>
  new Map(
    Object.entries(SUBGRAPHS).map(([name, { typeDefs, resolvers }]) => [
      name,
      buildSubgraphSchema({ typeDefs: parse(`${LINK}\n${typeDefs}`), resolvers: resolvers as never }),
    ]),
  );

/** @param url the endpoint of a subgraph */
export function composeSupergraph(url: (name: string) => string): string {
  const composed = composeServices(
    Object.entries(SUBGRAPHS).map(([name, { typeDefs }]) => ({
      name,
      url: url(name),
      typeDefs: parse(`${LINK}\n${typeDefs}`),
    })),
  );
  if (composed.errors !== undefined) throw new Error(composed.errors.join('\n'));
  return composed.supergraphSdl;
}

/** The same data as one schema, in the parts that a build of it by another copy of graphql-js needs. */
export const ONE_SCHEMA = {
  typeDefs: `
    type Query { me: User users: [User] topProducts(first: Int = 5, after: Int = 0): [Product] }
    type User { id: ID! name: String username: String reviews: [Review] }
    type Product { upc: String! name: String price: Int weight: Int inStock: Boolean shippingEstimate: Int reviews: [Review] }
    type Review { id: ID! body: String author: User product: Product }`,
  resolvers: {
    Query: { me: () => users[0], users: firstUsers, topProducts: top },
    User: { reviews: ({ id }: User) => reviewsByUser.get(id) ?? [] },
    Product: {
      reviews: ({ upc }: Product) => reviewsByProduct.get(upc) ?? [],
      inStock: ({ upc }: Product) => inStock(upc),
      shippingEstimate,
    },
  },
};

/** The same data as one schema. */
export function oneSchema(): GraphQLSchema {
  const schema = buildSchema(ONE_SCHEMA.typeDefs);
  for (const [type, fields] of Object.entries<Record<string, unknown>>(ONE_SCHEMA.resolvers)) {
    const definitions = (schema.getType(type) as { getFields(): Record<string, { resolve?: unknown }> }).getFields();
    for (const [name, resolve] of Object.entries(fields)) definitions[name]!.resolve = resolve;
  }
  return schema;
}

/** What is asked. `large` meets the same entities again and again; `distinct` meets each once. */
export const QUERIES = {
  large: `
    fragment User on User { id username name }
    fragment Review on Review { id body }
    fragment Product on Product { inStock name price shippingEstimate upc weight }
    query Large {
      users { ...User reviews { ...Review product { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } } } }
      topProducts(first: 9) { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } }
    }`,
  distinct: `query Distinct {
    topProducts(first: 330, after: 9) { upc name price weight inStock shippingEstimate reviews { id body author { id name username } } }
  }`,
  small: 'query Small { topProducts(first: 3) { name inStock reviews { body author { name } } } }',
  'one field': 'query One { topProducts(first: 1) { upc } }',
} as const;

export type QueryName = keyof typeof QUERIES;
