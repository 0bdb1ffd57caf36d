/** What a tool may be called that a chat model is offered, or shown that it has called: as all servers take it. */
export const TOOL_NAME = /^[\w-]{1,64}$/;
