/** Which directives a model may have: kept for the library, dropped since nothing is written, or refused, and why. */

/** `keep`, `drop`, or the reason for which it is refused. One that is not listed is refused too. */
export type Rules = Readonly<Record<string, string>>;

const CYPHER = 'Cypher of its own would read without the tenant';
const ACCESS = 'who sees what is decided by the tenant, for every type alike';
const INDEX = 'an index of its own would be read without the tenant; `search` finds texts';

const REFUSED: Rules = {
  cypher: CYPHER,
  customResolver: 'there is no code for it',
  populatedBy: 'there is no code for it',
  authorization: ACCESS,
  authentication: ACCESS,
  subscriptionsAuthorization: ACCESS,
  jwt: ACCESS,
  jwtClaim: ACCESS,
  fulltext: INDEX,
  vector: INDEX,
  relayId: 'ids are plain texts here',
  query: 'every type of nodes is read by its root fields; leave the type out',
};

export const TYPE_RULES: Rules = {
  ...REFUSED,
  node: 'keep',
  relationshipProperties: 'keep',
  plural: 'keep',
  limit: 'keep',
  // Made into the API's own.
  key: 'drop',
  mutation: 'drop',
  subscription: 'drop',
};

export const FIELD_RULES: Rules = {
  ...REFUSED,
  relationship: 'keep',
  declareRelationship: 'keep',
  alias: 'keep',
  coalesce: 'keep',
  selectable: 'keep',
  filterable: 'keep',
  sortable: 'keep',
  deprecated: 'keep',
  // These matter to writes only.
  id: 'drop',
  unique: 'drop',
  timestamp: 'drop',
  default: 'drop',
  settable: 'drop',
};
