/**
 * What each listed type's columns are: the one description that drives its GraphQL fields, its filter, its order, its
 * SQL and its cursors.
 */
import type { Scope } from '#subgraphs/shared/scopes.ts';
import type { ModelName, Rows } from '../driver.ts';

export type ColumnType = 'id' | 'text' | 'int' | 'boolean' | 'moment' | 'json';

export interface Column {
  /** The column's name in SQL. */
  readonly column: string;
  readonly type: ColumnType;
  /** Of the GraphQL field. */
  readonly description: string;
  readonly nullable?: true;
  readonly filterable?: true;
  readonly sortable?: true;
  /** It may be long: it is not read with the row, but where it is selected. */
  readonly apart?: true;
  /** The field's name before, which stays, deprecated. */
  readonly formerly?: string;
}

export interface Model<M extends ModelName = ModelName> {
  /** The GraphQL type. */
  readonly name: M;
  readonly table: string;
  /** What a list holds, for descriptions and cursors. */
  readonly items: string;
  /**
   * Whether objects of other subgraphs refer to it by its id. Such a reference can outlive what it refers to, and is there while this
   * store is not: its columns are nullable, so that neither costs the object that refers to it.
   */
  readonly referred?: true;
  /** By field of the row. */
  readonly columns: Readonly<Record<keyof Rows[M] & string, Column>>;
  /** The order of a list that asks for none; the id comes behind it by itself. */
  readonly defaultOrder: { readonly field: keyof Rows[M] & string; readonly direction: 'ASC' | 'DESC' };
}

/** What one must have been granted to read what is kept for administrators; anybody of the tenant reads the rest. */
export const READ_SCOPES: { readonly [M in ModelName]?: Scope } = {
  UsageRecord: 'usage:read',
  AuditEntry: 'audit:read',
  ApiKey: 'keys:read',
};

const id: Column = { column: 'id', type: 'id', description: 'The id.', filterable: true };
const createdAt: Column = {
  column: 'created_at',
  type: 'moment',
  description: 'When it was created.',
  filterable: true,
  sortable: true,
};
const updatedAt: Column = {
  column: 'updated_at',
  type: 'moment',
  description: 'When it last changed.',
  filterable: true,
  sortable: true,
};
const both = { filterable: true, sortable: true } as const;

export const MODELS: { readonly [M in ModelName]: Model<M> } = {
  Agent: {
    name: 'Agent',
    table: 'agents',
    items: 'agents',
    referred: true,
    columns: {
      id,
      name: { column: 'name', type: 'text', description: "The agent's name; several agents may share one.", ...both },
      description: {
        column: 'description',
        type: 'text',
        description: 'What the agent is for; null where nobody said.',
        nullable: true,
        filterable: true,
      },
      versionNumber: { column: 'version_number', type: 'int', description: 'The number of the current version.' },
      createdAt,
      updatedAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  AgentVersion: {
    name: 'AgentVersion',
    table: 'agent_versions',
    items: 'versions of an agent',
    columns: {
      id,
      agentId: { column: 'agent_id', type: 'id', description: "The agent's id." },
      number: { column: 'number', type: 'int', description: "Counts the agent's versions, from 1 without gaps." },
      name: { column: 'name', type: 'text', description: "The agent's name in this version." },
      description: {
        column: 'description',
        type: 'text',
        description: 'What the agent was for in this version; null where nobody said.',
        nullable: true,
      },
      instructions: {
        column: 'instructions',
        type: 'text',
        description: 'The system prompt; null for none.',
        nullable: true,
      },
      model: {
        column: 'model',
        type: 'text',
        description: 'The model that the agent is meant to use; null for none in particular.',
        nullable: true,
      },
      config: {
        column: 'config',
        type: 'json',
        description: "Further settings, as the agent's own code understands them.",
      },
      createdAt,
    },
    defaultOrder: { field: 'number', direction: 'DESC' },
  },
  Document: {
    name: 'Document',
    table: 'documents',
    items: 'documents',
    referred: true,
    columns: {
      id,
      title: { column: 'title', type: 'text', description: 'The title, for people.', ...both },
      source: {
        column: 'source',
        type: 'text',
        description: 'Where the document comes from, such as a path or URL; it names the document within the tenant.',
        ...both,
      },
      collection: {
        column: 'collection',
        type: 'text',
        description:
          'The collection that it is in, such as `notes`: what came from one place, or is of one kind. `default` where its writer named none.',
        ...both,
      },
      mediaType: {
        column: 'media_type',
        type: 'text',
        description: "The text's media type, such as `text/markdown`.",
        ...both,
      },
      contentHash: {
        column: 'content_hash',
        type: 'text',
        description: 'SHA-256 of the text as UTF-8, in hexadecimal: equal texts have equal hashes.',
        filterable: true,
      },
      metadata: {
        column: 'metadata',
        type: 'json',
        description: 'Whatever the writer recorded about it, as a JSON object.',
        filterable: true,
      },
      objectKey: {
        column: 'object_key',
        type: 'text',
        description: 'The key of its bytes in the object store.',
        nullable: true,
        filterable: true,
      },
      createdAt: {
        ...createdAt,
        description: 'When it was first stored here: not when its source was written, which `metadata` may say.',
      },
      updatedAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  Chunk: {
    name: 'Chunk',
    table: 'chunks',
    items: 'chunks of a document',
    referred: true,
    columns: {
      id,
      documentId: { column: 'document_id', type: 'id', description: "The document's id.", filterable: true },
      index: { column: 'index', type: 'int', description: 'Its place within the document, from 0.', filterable: true },
      text: {
        column: 'text',
        type: 'text',
        description: 'A passage of the document, under the headings that it stands under; at most 1,200 characters.',
        filterable: true,
      },
    },
    defaultOrder: { field: 'index', direction: 'ASC' },
  },
  MemoryFact: {
    name: 'MemoryFact',
    table: 'memory_facts',
    items: 'remembered facts',
    referred: true,
    columns: {
      id,
      agentId: {
        column: 'agent_id',
        type: 'id',
        description: 'The id of the agent whose memory it is in.',
        nullable: true,
        filterable: true,
      },
      userId: {
        column: 'user_id',
        type: 'text',
        description:
          "Whose alone it is: the subject of a user's token, or what whoever remembered it for him calls him; null for what everybody of the tenant reads.",
        nullable: true,
        filterable: true,
      },
      key: {
        column: 'key',
        type: 'text',
        description: "What the fact is about; unique within the agent's memory, and there within what is of one user.",
        ...both,
      },
      value: { column: 'value', type: 'text', description: 'What is remembered.', filterable: true },
      source: {
        column: 'source',
        type: 'text',
        description: 'Where it was learned, such as `user` or a URL; null where nobody said.',
        nullable: true,
        ...both,
      },
      runId: {
        column: 'run_id',
        type: 'id',
        description: 'The id of the run that wrote it.',
        nullable: true,
        filterable: true,
      },
      validFrom: {
        column: 'valid_from',
        type: 'moment',
        description: 'From when on it holds, as its writer said; null where nobody did.',
        nullable: true,
        filterable: true,
      },
      validUntil: {
        column: 'valid_until',
        type: 'moment',
        description:
          'Until when it holds: as its writer said, or until another took its place; null for as long as nothing is known. Lists have it all the same: `where: { or: [{ validUntil: { isNull: true } }, { validUntil: { gt: … } }] }` lets through what holds.',
        nullable: true,
        filterable: true,
      },
      supersedesId: {
        column: 'supersedes_id',
        type: 'id',
        description: 'The id of the fact whose place it took.',
        nullable: true,
        filterable: true,
      },
      createdAt,
      updatedAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  Session: {
    name: 'Session',
    table: 'sessions',
    items: 'sessions',
    columns: {
      id,
      agentId: {
        column: 'agent_id',
        type: 'id',
        description: 'The id of the agent that the user talks with.',
        nullable: true,
        filterable: true,
      },
      userId: {
        column: 'user_id',
        type: 'text',
        description: "Whose it is: the subject of a user's token, or what whoever began it for him calls him.",
        filterable: true,
      },
      title: {
        column: 'title',
        type: 'text',
        description: 'What it is about, for people; null where nobody said.',
        nullable: true,
        filterable: true,
      },
      metadata: {
        column: 'metadata',
        type: 'json',
        description: 'Whatever the writer recorded about it, as a JSON object.',
        filterable: true,
      },
      messageCount: {
        column: 'message_count',
        type: 'int',
        description: 'How many messages it has, which is the `sequence` of the last one: 0 before the first.',
        filterable: true,
      },
      endedAt: {
        column: 'ended_at',
        type: 'moment',
        description: 'When it was ended; null while messages can be appended.',
        nullable: true,
        filterable: true,
      },
      createdAt,
      updatedAt: { ...updatedAt, description: 'When it last changed, which a message does too.' },
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  Message: {
    name: 'Message',
    table: 'messages',
    items: 'messages',
    referred: true,
    columns: {
      id,
      sessionId: { column: 'session_id', type: 'id', description: 'The id of its session.', filterable: true },
      userId: { column: 'user_id', type: 'text', description: 'Whose session it is in.', filterable: true },
      sequence: {
        column: 'sequence',
        type: 'int',
        description: "Counts the session's messages, from 1 without gaps.",
        ...both,
      },
      role: { column: 'role', type: 'text', description: 'Who says it.', filterable: true },
      content: {
        column: 'content',
        type: 'text',
        description: 'What is said; empty where an assistant only calls tools.',
        filterable: true,
        apart: true,
      },
      name: {
        column: 'name',
        type: 'text',
        description: 'The name of who says it, or of the tool; null where nobody said.',
        nullable: true,
        filterable: true,
      },
      toolCalls: {
        column: 'tool_calls',
        type: 'json',
        description:
          'The tools that the assistant calls, as a JSON list as its model wrote it; null where it calls none.',
        nullable: true,
        apart: true,
      },
      toolCallId: {
        column: 'tool_call_id',
        type: 'text',
        description: 'The call that a tool answers; null for the other roles.',
        nullable: true,
        filterable: true,
      },
      metadata: {
        column: 'metadata',
        type: 'json',
        description: 'Whatever the writer recorded about it, as a JSON object.',
        filterable: true,
        apart: true,
      },
      runId: {
        column: 'run_id',
        type: 'id',
        description: 'The id of the run that wrote it.',
        nullable: true,
        filterable: true,
      },
      tokens: {
        column: 'tokens',
        type: 'int',
        description: 'How many tokens it is to a model: an estimate, seldom too low.',
        filterable: true,
      },
      createdAt: { ...createdAt, description: 'When it was appended.' },
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  ApiKey: {
    name: 'ApiKey',
    table: 'api_keys',
    items: 'API keys',
    columns: {
      id,
      name: { column: 'name', type: 'text', description: 'What it is for, for people.', ...both },
      prefix: {
        column: 'prefix',
        type: 'text',
        description: 'The part of the key that may be seen, by which a person tells keys apart; of its present secret.',
        filterable: true,
      },
      scopes: { column: 'scopes', type: 'json', description: 'What its holder may do: see docs/scopes.md.' },
      createdBy: {
        column: 'created_by',
        type: 'text',
        description: 'Who made it: a subject, or the id of the key that did.',
        filterable: true,
      },
      createdAt,
      expiresAt: {
        column: 'expires_at',
        type: 'moment',
        description: 'From when on it opens nothing.',
        ...both,
      },
      revokedAt: {
        column: 'revoked_at',
        type: 'moment',
        description: 'When it was revoked; null while it is not.',
        nullable: true,
        filterable: true,
      },
      lastUsedAt: {
        column: 'last_used_at',
        type: 'moment',
        description:
          'When its present secret was used last, to a minute; null when it never was. See `previousSecrets` for those before.',
        nullable: true,
        filterable: true,
      },
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  Share: {
    name: 'Share',
    table: 'shares',
    items: 'shares',
    columns: {
      id,
      documentId: {
        column: 'document_id',
        type: 'id',
        description: 'The id of the document that is shared.',
        nullable: true,
        filterable: true,
      },
      agentId: {
        column: 'agent_id',
        type: 'id',
        description: 'The id of the agent that is shared.',
        nullable: true,
        filterable: true,
      },
      fromProject: {
        column: 'from_project',
        type: 'text',
        description: 'The project that shares it; null for what is of no project.',
        nullable: true,
        filterable: true,
      },
      toProject: {
        column: 'to_project',
        type: 'text',
        description: 'The project that may read it; null for every project of the tenant.',
        nullable: true,
        filterable: true,
      },
      createdBy: {
        column: 'created_by',
        type: 'text',
        description: 'Who shared it, or did so last: a subject, or the id of an API key.',
        filterable: true,
      },
      createdAt: {
        column: 'created_at',
        type: 'moment',
        description: 'When it was shared, or shared again.',
        ...both,
      },
      expiresAt: {
        column: 'expires_at',
        type: 'moment',
        description: 'From when on it is shared no longer; null for as long as nobody revokes that.',
        nullable: true,
        filterable: true,
      },
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  Artifact: {
    name: 'Artifact',
    table: 'artifacts',
    items: 'artifacts',
    referred: true,
    columns: {
      id,
      runId: { column: 'run_id', type: 'id', description: 'The id of the run that made it.', filterable: true },
      path: {
        column: 'path',
        type: 'text',
        description: 'Its name within the run, such as `report/summary.md`.',
        ...both,
      },
      mediaType: {
        column: 'content_type',
        type: 'text',
        description: 'Its media type.',
        formerly: 'contentType',
        ...both,
      },
      fileKey: {
        column: 'file_key',
        type: 'text',
        description: 'The key of its bytes in the object store.',
        nullable: true,
        filterable: true,
      },
      createdAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  UsageRecord: {
    name: 'UsageRecord',
    table: 'usage_records',
    items: 'usage records',
    columns: {
      id,
      operation: { column: 'operation', type: 'text', description: 'What the tokens were spent on.', filterable: true },
      provider: { column: 'provider', type: 'text', description: 'Who served the model.', filterable: true },
      model: { column: 'model', type: 'text', description: 'The model that was used.', filterable: true },
      inputTokens: { column: 'input_tokens', type: 'int', description: 'Tokens sent to the model.', filterable: true },
      outputTokens: {
        column: 'output_tokens',
        type: 'int',
        description: 'Tokens that the model made.',
        filterable: true,
      },
      estimated: {
        column: 'estimated',
        type: 'boolean',
        description: 'Whether the counts are estimates of this gateway, because the provider gave none.',
        filterable: true,
      },
      subject: { column: 'subject', type: 'text', description: 'Who spent them.', filterable: true },
      requestId: {
        column: 'request_id',
        type: 'text',
        description: 'The request in which they were spent.',
        filterable: true,
      },
      createdAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
  AuditEntry: {
    name: 'AuditEntry',
    table: 'audit_entries',
    items: 'audit entries',
    columns: {
      id,
      actor: {
        column: 'actor',
        type: 'text',
        description: "Who acted: the subject of the caller's token or key.",
        filterable: true,
      },
      action: {
        column: 'action',
        type: 'text',
        description: 'What was done, such as `document.upsert`.',
        filterable: true,
      },
      subjectType: {
        column: 'subject_type',
        type: 'text',
        description: 'The type of what was changed, such as `Document`.',
        filterable: true,
      },
      subjectId: { column: 'subject_id', type: 'id', description: 'The id of what was changed.', filterable: true },
      requestId: {
        column: 'request_id',
        type: 'text',
        description: 'The request in which it was done.',
        filterable: true,
      },
      details: { column: 'details', type: 'json', description: 'More about the change, as a JSON object.' },
      createdAt,
    },
    defaultOrder: { field: 'createdAt', direction: 'DESC' },
  },
};

/** The columns of a model as a list, generic code's view of it. */
export const columnsOf = (model: Model): [field: string, column: Column][] => Object.entries(model.columns);

/** The column of a field; a field that the model does not have is a fault of the code. */
export function columnOf(model: Model, field: string): Column {
  const column = (model.columns as Record<string, Column>)[field];
  if (column === undefined) throw new Error(`${model.name} has no column for ${field}.`);
  return column;
}
