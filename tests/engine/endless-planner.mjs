// @ts-check
/*
 * A stand-in for the planning process: an operation that begins with `endless` is planned for ever, one that begins with
 * `hungry` takes all memory, any other is planned at once.
 */
process.on('disconnect', () => process.exit());
process.on('message', (/** @type {any} */ message) => {
  if ('supergraphSdl' in message) return process.send?.({ ready: true, apiSdl: '' });
  const { id, operation } = message;
  const taken = [];
  while (operation.startsWith('endless'));
  while (operation.startsWith('hungry')) taken.push(new Array(1_000_000).fill(0));
  process.send?.({ id, plan: JSON.stringify({ kind: 'QueryPlan' }) });
});
