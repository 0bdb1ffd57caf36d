/**
 * Flags of Node that a process which serves runs with; `npm start` in package.json has them too. What is made for one
 * answer lives until the answer has gone out, and many are made at once: with V8's 16 MiB for what is new, much of it
 * is copied before it dies, at a third of the processor's time. The room is taken only under load.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=64'];
