// Here, because a peer's packages are this folder's own and nobody else's.
export { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
export { unifiedGraphHandler as rustPlanner } from '@graphql-hive/router-runtime';
