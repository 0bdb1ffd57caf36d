/** `node dist/serve.mjs`: what `npm start` is to a checkout, to a built product. Arguments are the same. */
import { answerAtOnce } from '#ops/bootstrap/answer-at-once.mjs';

await answerAtOnce(process.argv.slice(2), process.env);
// Only now: a question after the health of a server loads nothing of it.
await import('./main.ts');
