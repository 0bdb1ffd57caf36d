/** What a thread does for in-thread.ts. */
import { summarizeExtractively } from './extractive.ts';
import type { SummaryTask } from './in-thread.ts';

export default ({ text, maxSentences }: SummaryTask): string => summarizeExtractively(text, maxSentences);
