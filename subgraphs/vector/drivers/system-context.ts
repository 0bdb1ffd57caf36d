/** The context of what nobody asked for. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';

/** The gateway's own work, for a tenant or for none: extension, indexes, statistics, or what is done in a tenant's data. */
export const system = (tenantId = 'system'): RequestContext =>
  createRequestContext({ tenantId, subject: 'system:vector', roles: [], scopes: [], system: true });
