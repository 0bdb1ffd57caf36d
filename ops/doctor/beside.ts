/** What is looked at that is no store: the file of subgraphs, the issuer of tokens, and what takes telemetry. */
import { issuerMetadata } from '#gateway/auth/issuer-metadata.ts';
import { nameInVariables } from '#gateway/bounds/remote.ts';
import type { Config } from '#gateway/config/config.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import type { Finding } from '#subgraphs/shared/examination.ts';
import { DOCTOR } from './bounds.ts';
import type { Looked } from './diagnosis.ts';

/** Whether the file can be read, and has the subgraphs that variables speak of. */
export async function lookAtSupergraph({ supergraphFile, subgraphUrls }: Config): Promise<Looked> {
  const { path, subgraphs } = await readSupergraphFile(supergraphFile);
  const names = new Set(subgraphs.map(({ name }) => nameInVariables(name).toLowerCase()));
  const findings = Object.keys(subgraphUrls)
    .filter((name) => !names.has(name))
    .map((name): Finding => ({
      level: 'warning',
      what: `SUBGRAPH_${name.toUpperCase()}_URL is set, and ${path} has no subgraph of that name.`,
      remedy: `Correct the name, take the variable out, or add the subgraph to ${path}. It has ${subgraphs.map(({ name: known }) => known).join(', ')}.`,
    }));
  return {
    examination: { findings, facts: [`${subgraphs.length} ${subgraphs.length === 1 ? 'subgraph' : 'subgraphs'}`] },
  };
}

/** Whether it says who it is, has keys, and what time it has. */
export async function lookAtIssuer({ oidc }: Config): Promise<Looked> {
  const { issuer } = oidc!;
  const remedy = `Check OIDC_ISSUER, and that this machine reaches it; ${issuer.replace(/\/$/, '')}/.well-known/openid-configuration must answer with an issuer that is this, to the letter.`;
  const fault = (what: string): Looked => ({ examination: { findings: [{ level: 'fault', what, remedy }] } });
  let jwksUri: string;
  try {
    ({ jwksUri } = await issuerMetadata(issuer, DOCTOR.storeMs)());
  } catch (error) {
    return fault(saidBy(error));
  }
  try {
    const response = await fetch(jwksUri, { signal: AbortSignal.timeout(DOCTOR.storeMs), redirect: 'error' });
    if (!response.ok) return fault(`Its keys (${jwksUri}) were answered with ${response.status}.`);
    const { keys } = (await response.json()) as { keys?: readonly { kty?: unknown; use?: unknown }[] };
    const signing = (Array.isArray(keys) ? keys : []).filter(({ kty, use }) => kty !== 'oct' && use !== 'enc');
    if (signing.length === 0) return fault(`It has no key to verify tokens with (${jwksUri}).`);
    const date = Date.parse(response.headers.get('date') ?? '');
    return {
      examination: {
        findings: [],
        facts: [`${signing.length} ${signing.length === 1 ? 'key' : 'keys'}`],
        ...(Number.isNaN(date) ? {} : { clockAheadMs: date - Date.now() }),
      },
    };
  } catch (error) {
    return fault(`Its keys (${jwksUri}) cannot be had: ${saidBy(error)}`);
  }
}

/** Whether it takes what is sent by OTLP: no span, no value and no line. */
export async function lookAtTelemetry(config: Config, headers: Readonly<Record<string, string>>): Promise<Looked> {
  const { endpoint, metrics, traces, logs } = config.telemetry.otlp!;
  const wanted = (
    [
      ['traces', 'resourceSpans', traces],
      ['metrics', 'resourceMetrics', metrics],
      ['logs', 'resourceLogs', logs],
    ] as const
  ).filter(([, , isSent]) => isSent);
  const findings = await Promise.all(
    wanted.map(async ([signal, empty]): Promise<Finding[]> => {
      const remedy = `Check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS, or set OTEL_${signal.toUpperCase()}_EXPORTER=none where nobody takes them. Requests do not wait for it.`;
      try {
        const response = await fetch(`${endpoint}/v1/${signal}`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ [empty]: [] }),
          signal: AbortSignal.timeout(DOCTOR.storeMs),
          redirect: 'error',
        });
        await response.body?.cancel();
        if (response.ok) return [];
        return [{ level: 'warning', what: `It answers ${response.status} to ${signal}.`, remedy }];
      } catch (error) {
        return [{ level: 'warning', what: `It cannot be reached for ${signal}: ${saidBy(error)}`, remedy }];
      }
    }),
  );
  return { examination: { findings: findings.flat(), facts: wanted.map(([signal]) => signal) } };
}

/** What `fetch` failed with, which hides it in its cause. */
function saidBy(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
