// @ts-check
/*
 * The planning process without the gateway's mending of cycles: what hangs the published planner hangs this one. The
 * mending begins by replacing a method of this class, which nobody can here.
 */
import internals from '@apollo/federation-internals';

const { prototype } = internals.MapWithCachedArrays;
const { set } = prototype;
Object.defineProperty(prototype, 'set', { get: () => set, set() {} });

await import('#gateway/plan/process/planner-process.mjs');
