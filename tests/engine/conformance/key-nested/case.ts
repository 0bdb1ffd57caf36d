/** Entities whose keys are entities of other subgraphs, and entities found only through their parents. */
import { conformance } from '../case.ts';

const team = { id: 't1', title: 'Team 1' };

export default conformance({
  subgraphs: {
    teams: {
      typeDefs: `
        type Query { seats: [Seat] }
        type Seat @key(fields: "user { id } team { id }") { user: User! team: Team! }
        type User @key(fields: "id") { id: ID! }
        type Team @key(fields: "id") { id: ID! title: String }`,
      resolvers: {
        Query: {
          seats: () => [
            { user: { id: 'u1' }, team },
            { user: { id: 'u2' }, team },
          ],
        },
        Seat: { __resolveReference: ({ user }: { user: { id: string } }) => ({ user, team }) },
        Team: { __resolveReference: () => team },
      },
    },
    people: {
      typeDefs: `type User @key(fields: "id") { id: ID! name: String }`,
      resolvers: { User: { name: ({ id }: { id: string }) => `User ${id}` } },
    },
    plans: {
      typeDefs: `
        type Seat @key(fields: "user { id } team { id }") { user: User! team: Team! plan: Plan }
        type User @key(fields: "id") { id: ID! }
        type Team @key(fields: "id", resolvable: false) { id: ID! }
        type Plan { code: String holder: User limits: Limits @shareable }
        type Limits { runs: Int @shareable }`,
      resolvers: {
        Seat: {
          plan: ({ user, team }: { user: { id: string }; team: { id: string } }) => ({
            code: `${user.id}@${team.id}`,
            holder: user,
            limits: { runs: 3 },
          }),
        },
      },
    },
  },
  operations: {
    "the parts of a key may be other subgraphs' entities": {
      query: `{ seats { plan { code holder { name } } user { name } team { title } } }`,
      data: {
        seats: [
          {
            plan: { code: 'u1@t1', holder: { name: 'User u1' } },
            user: { name: 'User u1' },
            team: { title: 'Team 1' },
          },
          {
            plan: { code: 'u2@t1', holder: { name: 'User u2' } },
            user: { name: 'User u2' },
            team: { title: 'Team 1' },
          },
        ],
      },
    },
    'objects without a key come with their parents': {
      query: `{ seats { plan { limits { runs } } } }`,
      data: { seats: [{ plan: { limits: { runs: 3 } } }, { plan: { limits: { runs: 3 } } }] },
    },
  },
});
