/**
 * Numbers that a double does not hold as they were written keep their text where a custom scalar takes or gives them, and
 * where they are keys; GraphQL's own scalars make of them what they make of any number.
 */
import { ExactNumber, numberOf } from '#subgraphs/shared/exact-number.ts';
import { conformance, exact } from '../case.ts';

const BIG = '9007199254740993';
const LONG = '0.1234567890123456789012';
const echo = (_: unknown, { value }: { value: unknown }) => value;
const written = (value: unknown): unknown => (value instanceof ExactNumber ? `exactly ${value.text}` : value);

export default conformance({
  subgraphs: {
    a: {
      typeDefs: `
        scalar Decimal
        input Price { amount: Decimal! times: Float = 1 id: ID }
        type Query {
          echo(value: Decimal): Decimal
          many(values: [Decimal]): [Decimal]
          seen(value: Decimal): String
          priced(price: Price): Decimal
          plain(int: Int, float: Float, id: ID): String
          answers: Answers
          accounts: [Account!]!
        }
        type Answers { int: Int float: Float id: ID wrong: Int text: String decimal: Decimal floats: [Float!] object: Answers }
        type Account @key(fields: "number") { number: Decimal! }`,
      resolvers: {
        Query: {
          echo,
          many: (_: unknown, { values }: { values: unknown[] }) => values,
          seen: (_: unknown, { value }: { value: unknown }) => written(value),
          priced: (_: unknown, { price }: { price: { amount: unknown } }) => price.amount,
          plain: (_: unknown, given: Record<string, unknown>) => JSON.stringify(given),
          answers: () => ({ decimal: numberOf('1.10') }),
          accounts: () => [BIG, '9007199254740992', BIG, '1.0', '1'].map((number) => ({ number: numberOf(number) })),
        },
      },
    },
    b: {
      typeDefs: `
        scalar Decimal
        type Account @key(fields: "number") { number: Decimal! owner: String }`,
      resolvers: {
        Account: {
          owner: ({ number }: { number: unknown }) => `owner of ${String(number)}`,
        },
      },
    },
  },
  operations: {
    'literals, lifted into variables': {
      query: `{ a: echo(value: ${BIG}) b: echo(value: ${LONG}) c: echo(value: 1.10) d: echo(value: -0) e: echo(value: 1e3) f: echo(value: 1e400) g: echo(value: 5) h: echo(value: 0.5) }`,
      data: {
        a: exact(BIG),
        b: exact(LONG),
        c: exact('1.10'),
        d: exact('-0'),
        e: exact('1e3'),
        f: exact('1e400'),
        g: 5,
        h: 0.5,
      },
    },
    'in lists, objects and input objects': {
      query: `query ($v: Decimal!) {
        many(values: [${BIG}, 2, 1.0])
        echo(value: { a: [${LONG}], b: 1.10 })
        priced(price: { amount: ${BIG} })
        same: priced(price: { amount: $v })
      }`,
      variables: { v: exact(BIG) },
      data: {
        many: [exact(BIG), 2, exact('1.0')],
        echo: { a: [exact(LONG)], b: exact('1.10') },
        priced: exact(BIG),
        same: exact(BIG),
      },
    },
    variables: {
      query: `query ($one: Decimal, $many: [Decimal], $price: Price) { echo(value: $one) many(values: $many) priced(price: $price) }`,
      variables: {
        one: exact('1.10'),
        many: [exact(BIG), exact(LONG)],
        price: { amount: exact(BIG), times: exact('1.0'), id: exact(BIG) },
      },
      data: { echo: exact('1.10'), many: [exact(BIG), exact(LONG)], priced: exact(BIG) },
    },
    'a resolver in this process sees the text': {
      query: `{ a: seen(value: ${BIG}) b: seen(value: 9007199254740992) }`,
      data: { a: `exactly ${BIG}`, b: 9007199254740992 + '' },
    },
    'scalars of GraphQL take a double, and an ID the text': {
      query: `query ($int: Int, $float: Float, $id: ID) { plain(int: $int, float: $float, id: $id) literal: plain(int: 1, float: ${LONG}, id: ${BIG}) }`,
      variables: { int: exact('1.0'), float: exact(LONG), id: exact(BIG) },
      data: {
        plain: `{"int":1,"float":0.12345678901234568,"id":"${BIG}"}`,
        literal: `{"int":1,"float":0.12345678901234568,"id":"${BIG}"}`,
      },
    },
    'an Int that is none is refused': {
      query: `query ($int: Int) { plain(int: $int) }`,
      variables: { int: exact(BIG) },
      data: undefined,
      errors: [{ path: [], code: 'BAD_USER_INPUT' }],
    },
    'keys: the same text is the same entity, another text another': {
      query: `{ accounts { number owner } }`,
      data: {
        accounts: [BIG, '9007199254740992', BIG, '1.0', '1'].map((number) => ({
          number: exact(number),
          owner: `owner of ${number}`,
        })),
      },
      requests: { a: 1, b: 1 },
    },
  },
});
