/**
 * CopilotKit's runtime with one agent, which is Tributary's: `node runtime.mjs <url of the agent> [authorization]`. Writes the port that it
 * listens at. It reports to its makers unless it is told not to, before it is loaded.
 */
process.env.COPILOTKIT_TELEMETRY_DISABLED = 'true';
process.env.DO_NOT_TRACK = '1';
const { CopilotRuntime, InMemoryAgentRunner, createCopilotEndpoint } = await import('@copilotkit/runtime/v2');
const { HttpAgent } = await import('@ag-ui/client');
const { serve } = await import('@hono/node-server');

const [url, authorization] = process.argv.slice(2);
const helper = new HttpAgent({ url, headers: authorization === undefined ? {} : { authorization } });
const runtime = new CopilotRuntime({ agents: { helper }, runner: new InMemoryAgentRunner() });
const app = createCopilotEndpoint({ runtime, basePath: '/api/copilotkit' });
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(`port ${port}`));
