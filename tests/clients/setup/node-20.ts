import WebSocket from 'ws';

// Browsers have it, and Node from 22 on.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;
