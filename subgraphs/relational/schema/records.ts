/** What is kept for the record: the tenant, usage and the audit log. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import type { ChangedRow, RefusedAction } from '#subgraphs/shared/ports.ts';
import { RELATIONAL } from '../bounds.ts';
import type { TenantRow, UsageRecordRow } from '../driver.ts';
import { checkName } from '../input.ts';
import { entityType, rootList, type Ref, type SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';

/** A tenant that has not written anything yet has no row. */
type TenantShape = Omit<TenantRow, 'createdAt'> & { createdAt: Date | null; project: string | null };

export function addTenant({ builder, driver }: SchemaParts): void {
  const Tenant: Ref<TenantShape> = builder.objectRef<TenantShape>('Tenant');
  const load = async (context: Parameters<ReturnType<typeof driver>['tenant']>[0]): Promise<TenantShape> => {
    const { tenantId } = context.principal;
    const [id, project] = [tenantOf(tenantId), projectOf(tenantId) ?? null];
    const row = await driver().tenant(context);
    return { name: row?.name ?? id, createdAt: row?.createdAt ?? null, id, project };
  };
  builder.asEntity(Tenant, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: ({ id }, context) =>
      (id === tenantOf(context.principal.tenantId) ? load(context) : null) as never,
  });
  Tenant.implement({
    description: 'Whose data this is. A caller sees one tenant: its own.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The id.' }),
      name: t.exposeString('name', { nullable: false, description: 'The name, for people.' }),
      project: t.exposeString('project', {
        description: 'The project of it whose data the caller sees; null where he sees what is of no project.',
      }),
      createdAt: t.field({
        type: 'DateTime',
        description: "When it, or the caller's project, first wrote something; null when it has not yet.",
        resolve: (row) => row.createdAt,
      }),
    }),
  });
  builder.queryField('tenant', (t) =>
    t.field({ type: Tenant, description: "The caller's tenant.", resolve: (_, __, context) => load(context) }),
  );
}

type UsageInput = Pick<UsageRecordRow, 'operation' | 'provider' | 'model' | 'inputTokens' | 'outputTokens'> & {
  estimated?: boolean | null;
};

export function addUsage(parts: SchemaParts): void {
  const { subgraph, builder, types, driver } = parts;
  const operation = builder.enumType('UsageOperation', {
    description: 'What tokens were spent on.',
    values: {
      EMBED: { description: 'Turning texts into vectors.' },
      GENERATE: { description: 'Generating text.' },
      RERANK: { description: 'Ordering texts by relevance.' },
    } as const,
  });
  entityType(
    parts,
    'UsageRecord',
    'Tokens that were spent on a model.',
    ['id', 'provider', 'model', 'inputTokens', 'outputTokens', 'estimated', 'subject', 'requestId', 'createdAt'],
    (t) => ({
      operation: t.field({
        type: operation,
        nullable: false,
        description: 'What the tokens were spent on.',
        resolve: (row) => row.operation,
      }),
    }),
  );
  rootList(parts, 'UsageRecord', 'usageRecords', {
    enums: { operation: subgraph.shared.enumFilter('UsageOperationFilter', 'what tokens were spent on', operation) },
    enumTypes: { operation },
  });

  addMutation<UsageInput, { record: UsageRecordRow }>(parts, 'recordUsage', {
    takes: 'usage:write',
    description: 'Records tokens that an agent spent on a model by itself. What this API spends is recorded already.',
    input: 'What was spent.',
    inputFields: (t) => ({
      operation: t.field({ type: operation, required: true, description: 'What the tokens were spent on.' }),
      provider: t.string({ required: true, description: 'Who served the model.' }),
      model: t.string({ required: true, description: 'The model that was used.' }),
      inputTokens: t.int({ required: true, description: 'Tokens sent to the model; not negative.' }),
      outputTokens: t.int({ required: true, description: 'Tokens that the model made; not negative.' }),
      estimated: t.boolean({ description: 'Whether the counts are estimates; false when absent.' }),
    }),
    payload: 'The record that was written.',
    payloadFields: (t) => ({
      record: t.field({
        type: types.UsageRecord,
        nullable: false,
        description: 'The record.',
        resolve: (payload) => payload.record,
      }),
    }),
    run: async ({ operation, provider, model, inputTokens, outputTokens, estimated }, context) => {
      for (const [name, tokens] of Object.entries({ inputTokens, outputTokens })) {
        if (tokens < 0) throw badUserInput(`\`${name}\` must not be negative; got ${tokens}.`);
      }
      const usage = {
        operation,
        provider: checkName('provider', provider),
        model: checkName('model', model),
        inputTokens,
        outputTokens,
        estimated: estimated ?? false,
      };
      return { record: await driver().recordUsage(context, usage, { audit: true }) };
    },
  });
}

export function addAudit(parts: SchemaParts): void {
  entityType(
    parts,
    'AuditEntry',
    'Who changed what, and (`action` is `refused`) who was not let do what. Of a change it is written in one transaction with it; never changed and never removed. A write that changes nothing leaves none.',
    ['id', 'actor', 'action', 'subjectType', 'subjectId', 'requestId', 'details', 'createdAt'],
  );
  rootList(parts, 'AuditEntry', 'auditEntries');
  addRefused(parts);
}

/** Where this subgraph runs apart from the gateway. */
function addRefused(parts: SchemaParts): void {
  const { builder, driver } = parts;
  const refused = builder.inputRef<RefusedAction>('RefusedActionInput').implement({
    description: 'Something that a caller was not let do.',
    inaccessible: true,
    fields: (t) => ({
      subject: t.string({ required: true, description: 'Who acts.' }),
      action: t.string({ required: true, description: 'What, such as `Mutation.createAgent`.' }),
      code: t.string({ required: true, description: 'The code of the error.' }),
      reason: t.string({ description: 'Why, where the code does not say it.' }),
      address: t.string({ description: 'From where.' }),
      requestId: t.string({ description: "The first request's id." }),
      count: t.int({ required: true, description: 'How often.' }),
    }),
  });
  const changed = builder.inputRef<ChangedRow>('ChangedRowInput').implement({
    description: "Something that was changed in a store of the operator's own.",
    inaccessible: true,
    fields: (t) => ({
      subject: t.string({ required: true, description: 'Who acts.' }),
      action: t.string({ required: true, description: 'What, such as `shop.insert`.' }),
      subjectType: t.string({ required: true, description: 'The type of the row.' }),
      subjectId: t.string({ required: true, description: 'Its key.' }),
      requestId: t.string({ required: true, description: "The request's id." }),
      fields: t.stringList({ required: true, description: 'Which fields were said.' }),
    }),
  });
  addMutation<{ rows: ChangedRow[] }, { kept: number }>(parts, 'auditChanged', {
    takes: 'system',
    description: "Keeps what was changed in stores of the operator's own.",
    input: 'What was changed.',
    inputFields: (t) => ({ rows: t.field({ type: [changed], required: true, description: 'Which rows, each once.' }) }),
    payload: 'What was kept.',
    payloadFields: (t) => ({
      kept: t.int({ nullable: false, description: 'How many entries.', resolve: (payload) => payload.kept }),
    }),
    run: async ({ rows }, context) => {
      if (rows.length > RELATIONAL.auditedRefusals)
        throw badUserInput(`\`rows\` has ${rows.length} items; at most ${RELATIONAL.auditedRefusals} are accepted.`);
      await driver().auditChanged(context, rows);
      return { kept: rows.length };
    },
  });
  addMutation<{ actions: RefusedAction[] }, { kept: number }>(parts, 'auditRefused', {
    takes: 'system',
    description: 'Keeps what callers of a tenant were refused.',
    input: 'What was refused.',
    inputFields: (t) => ({ actions: t.field({ type: [refused], required: true, description: 'What, each once.' }) }),
    payload: 'What was kept.',
    payloadFields: (t) => ({
      kept: t.int({ nullable: false, description: 'How many entries.', resolve: (payload) => payload.kept }),
    }),
    run: async ({ actions }, context) => {
      if (actions.length > RELATIONAL.auditedRefusals)
        throw badUserInput(
          `\`actions\` has ${actions.length} items; at most ${RELATIONAL.auditedRefusals} are accepted.`,
        );
      await driver().auditRefused(
        context,
        actions.map(({ reason, address, requestId, ...action }) => ({
          ...action,
          reason: reason ?? undefined,
          address: address ?? undefined,
          requestId: requestId ?? undefined,
        })),
      );
      return { kept: actions.length };
    },
  });
}
