/**
 * How agents find out where their users sign in: OAuth 2.0 Protected Resource Metadata (RFC 9728), as the authorization of
 * the Model Context Protocol asks for it.
 */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { sendJson, type Handler } from '#gateway/http/exchange.ts';
import { MCP_PATH } from './path.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

export interface ResourceMetadata {
  /** Answers at the well-known paths: of the MCP endpoint, and of the server, for clients that ask for no path. */
  readonly handler: Handler;
  /**
   * A refusal of the MCP endpoint that tells where the metadata are (RFC 9728, section 5.1); other errors as they are.
   * @param authorization what the client sent
   */
  explain(error: unknown, authorization: string | undefined): unknown;
}

/**
 * @param baseUrl where clients reach the server, with its path if it has one and no slash at its end
 * @param issuer whose access tokens are accepted
 */
export function resourceMetadata(baseUrl: () => string, issuer: string): ResourceMetadata {
  /** Where clients reach the server, in parts; no path but where it has one. */
  const base = (): { origin: string; path: string } => {
    const { origin, pathname } = new URL(baseUrl());
    return { origin, path: pathname === '/' ? '' : pathname };
  };
  return {
    handler: (exchange) => {
      const { path, request, response } = exchange;
      if (!path.startsWith(WELL_KNOWN)) return false;
      // The path of the resource stands behind (section 3.1). A proxy in front may take away its own part of it.
      const ofServer = [WELL_KNOWN, `${WELL_KNOWN}${base().path}`];
      const isOfMcp = ofServer.some((start) => path === `${start}${MCP_PATH}`);
      if (!isOfMcp && !ofServer.includes(path)) return false;
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD, OPTIONS' }).end();
        request.resume();
        return true;
      }
      sendJson(exchange, 200, {
        resource: `${baseUrl()}${isOfMcp ? MCP_PATH : ''}`,
        authorization_servers: [issuer],
        bearer_methods_supported: ['header'],
        resource_name: 'Tributary',
      });
      return true;
    },
    explain(error, authorization) {
      if (!(error instanceof CodedError) || error.code !== 'UNAUTHENTICATED') return error;
      const { origin, path } = base();
      const address = `${origin}${WELL_KNOWN}${path}${MCP_PATH}`;
      // RFC 6750, section 3.1: nothing is said to be wrong with a token that was not sent.
      const fault = authorization === undefined || authorization === '' ? '' : 'error="invalid_token", ';
      const headers = { 'www-authenticate': `Bearer ${fault}resource_metadata="${address}"` };
      return new CodedError('UNAUTHENTICATED', error.message, {
        extensions: { ...error.extensions, http: { headers } },
        cause: error,
      });
    },
  };
}
