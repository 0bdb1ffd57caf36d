/** Codes of errors: JSON-RPC's (https://www.jsonrpc.org/specification, section 5.1), and the protocol's own. */
export const PARSE_ERROR = -32700;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

/** A request that wants what its client has not said that it knows. */
export const MISSING_CAPABILITY = {
  code: -32021,
  message: 'Missing required client capability.',
  data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
} as const;
