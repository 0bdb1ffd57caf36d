/** Whether what came of a case is a fault of the server. */
import type { Case, Outcome } from './case.ts';

export interface Verdict {
  /** What is wrong; absent where nothing is. */
  readonly fault?: string;
  /** Error codes that were told. */
  readonly codes: readonly string[];
}

/**
 * Answers that say how long something took: which of them come depends on the machine and on what else runs on it. They
 * are counted, and no fault. `STORE_DISABLED` is what a store that is off says: there is no chat model here.
 */
const OF_TIME = ['REQUEST_TIMEOUT', 'STORE_TIMEOUT', 'PLANNING_TIMEOUT'];
const ALLOWED_5XX = [...OF_TIME, 'STORE_DISABLED', 'TOO_MANY_ERRORS'];
/** Never told to clients, whoever they are. */
const FAULTY_CODES = ['INTERNAL_SERVER_ERROR', 'STORE_UNAVAILABLE', 'SUBGRAPH_UNAVAILABLE', 'SUBGRAPH_ERROR'];
/** Of sockets: an error of the server, and its going away. */
const FAULTY_CLOSES = [1001, 1006, 1011, 1012, 4500];
const TRACE = /\n\s+at .+\.[jt]s:\d+|node_modules\/|node:internal/;

export function judge(asked: Case, outcome: Outcome): Verdict {
  const codes = [...new Set([...outcome.text.matchAll(/\\?"code\\?":\\?"([A-Z_]+)\\?"/g)].map(([, code]) => code!))];
  return { codes, ...faultOf(asked, outcome, codes) };
}

function faultOf(
  asked: Case,
  { status, closeCode, text, broken }: Outcome,
  codes: readonly string[],
): { fault?: string } {
  // 501 and 505 are Node's own, for methods and versions of HTTP that nobody speaks.
  if (
    status !== undefined &&
    status >= 500 &&
    ![501, 505].includes(status) &&
    !codes.some((code) => ALLOWED_5XX.includes(code))
  )
    return { fault: `status ${status}` };
  const faulty = codes.find((code) => FAULTY_CODES.includes(code));
  if (faulty !== undefined) return { fault: faulty };
  if (/"code":-32603\b/.test(text)) return { fault: 'JSON-RPC internal error' };
  if (closeCode !== undefined && FAULTY_CLOSES.includes(closeCode)) return { fault: `socket closed with ${closeCode}` };
  if (TRACE.test(text)) return { fault: 'a stack trace' };
  if (broken !== undefined && asked.kind !== 'raw' && !isCutShort(asked, broken))
    return { fault: `no whole answer: ${broken}` };
  return unreadable(asked, status, text);
}

/** `BODY_LIMIT_BYTES`: who sends more is answered, and cut off while he still writes. */
const BODY_LIMIT_BYTES = 5_000_000;
const isCutShort = (asked: Case, broken: string): boolean =>
  /EPIPE|ECONNRESET/.test(broken) && JSON.stringify(asked).length > BODY_LIMIT_BYTES;

/** An answer that has ended is JSON where JSON was asked for. */
function unreadable(asked: Case, status: number | undefined, text: string): { fault?: string } {
  if (asked.kind !== 'operation' || !['POST', 'GET', 'batch', 'MCP'].includes(asked.way)) return {};
  if (asked.leavesAfterMs !== undefined || text === '' || status === undefined) return {};
  try {
    JSON.parse(text);
    return {};
  } catch {
    return /^(event|data|id):/.test(text) ? {} : { fault: 'an answer that is no JSON' };
  }
}
