/**
 * Sixty questions about this project's own docs, asked by hand in plain words, which are seldom those of the docs, and the sections
 * that answer each.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { chunkText } from '#subgraphs/relational/documents/chunking.ts';
import type { RetrievalSet } from './measure.ts';

/** By files of docs/ without their endings: heading, question; where two sections answer it, the headings are separated by a bar. */
const QUESTIONS: Readonly<Record<string, readonly (readonly [heading: string, question: string])[]>> = {
  README: [
    ['Two commands', 'How do I get it going on my laptop for the first time?'],
    ['Stores', 'Which databases can I plug in, and where do things live if I set up nothing?'],
    ['Your own subgraphs', 'We have another GraphQL service in the company; can it be added next to the others?'],
  ],
  agents: [
    ['Memory', 'Can my assistant take back something it learned that turned out to be untrue?'],
    ['Function calling', 'I use the OpenAI library and not MCP. How does my bot get at this?'],
    [
      'Your own operations as tools',
      'I want my bot to have a fixed set of canned questions, each with a button of its own.',
    ],
    ['What reading the schema takes', 'How expensive is it for a model to learn what the API offers?'],
    ['Hosts that start programs', 'How do I hook this up to Claude Desktop, which only launches executables?'],
  ],
  architecture: [
    ['The walk of a query', 'What happens inside from the moment a question arrives until it is replied to?'],
    ['A subgraph', 'Where do I put my code if I want to talk to a different kind of database?'],
  ],
  clients: [
    ['Relay', "Does infinite scrolling with Facebook's React library function?"],
    ['EventSource', 'Can a plain web page without any library listen to what is going on in a run?'],
    ['GraphQL Code Generator', 'How do I get TypeScript types for my front end?'],
    ['requests', 'I only have Python and its usual HTTP package. What does a call look like?'],
    ['What caches should know', 'Is it safe to put Varnish or a CDN in front?'],
  ],
  configuration: [
    ['Several processes', 'My box has eight cores and it only uses one of them.'],
    [
      'TLS between gateway and subgraphs',
      'How do I encrypt the internal traffic and make both sides prove who they are?',
    ],
    ['S3: objects', 'Which settings point to my MinIO bucket?'],
  ],
  'cross-store-filters': [
    [
      'In the order of how near they are',
      'Give me the texts that resemble my sentence the most, but only some of them.',
    ],
    ['In the order of what other stores have', 'Sort papers by how big their attachment is.'],
    [
      'What it takes',
      'Why is narrowing by something from another database slow, and how does it decide what to do first?',
    ],
    ['What is exact', 'Could I miss a row or see it twice if somebody edits while I scroll?'],
  ],
  documents: [
    ['Titles, links, front matter', 'Where does the name shown for a note come from?'],
    ['Formats', 'Does it cope with spreadsheets and slides?'],
    ['Folders', 'My disk was not attached and I ran the import; are my files wiped now?'],
    ['Chunks', 'How large are the pieces that a long article is split into?'],
    ['Files by the API', 'Can I send a PDF directly instead of its words?'],
    ['Collections', 'How do I keep my mails apart from my wiki when I look for something?'],
  ],
  graphql: [
    ['Files', 'How does a browser form hand over an attachment in a mutation?'],
    ['Lists that come item by item', 'Can I show the first rows while the rest is still loading?'],
    ['One event stream for all operations', 'With seven live widgets open my browser tab freezes.'],
    ['Documents that are still being indexed', 'I saved a note and cannot find it a moment later.'],
    ['How many, by what', 'I need a bar chart of how much was written each week.'],
  ],
  'graph-model': [['What it is', 'We already have a Neo4j full of movies and actors. Can it be served as it is?']],
  limits: [
    ['Rates', 'Someone hammers us with calls in a loop; how do I slow that one person down?'],
    ['Daily budgets of models', 'How do I stop a customer from burning through my OpenAI money in one night?'],
    ['What clients are told', 'Which header says how long I should wait before I try once more?'],
  ],
  migrating: [
    ['Apollo Router', 'We run the Rust thing from Apollo with a YAML file; what becomes of it here?'],
    ['Hasura', 'Is there a way over from our old instant-API server with its permissions?'],
  ],
  observability: [
    ['Prometheus', 'How can I draw graphs of how busy it is?'],
    ['OpenTelemetry', 'Where can I see which part of a slow call took the time, in Jaeger for instance?'],
  ],
  performance: [
    ['Beside an attack on the planner', 'What if somebody sends weird nested queries on purpose to hog the processor?'],
    ["An operator's own PostgreSQL, beside PostGraphile and by hand", 'Is it any slower than writing the SQL myself?'],
  ],
  production: [
    ['Checklist', 'What should I go through before real customers use it?'],
    ['An image', 'How big is the container, and does it run as root?'],
    ['Compose', 'One YAML to bring everything up on a single server.'],
  ],
  reliability: [
    ['Workers that are gone', 'The machine that was doing my job crashed. Is it picked up by another?'],
    [
      'When stores differ nevertheless',
      'We restored one database from last week; how do we get everything in line again?',
    ],
    ['Writes that span stores', 'If the power fails halfway through saving, do I end up with half a note?'],
    [
      'PostgreSQL: replicas, passwords, prepared statements',
      'May I read from a standby and still see what I just saved?',
    ],
  ],
  search: [
    ['What counts as a word', 'Does it matter whether I type accents or capitals?'],
    ['When the model changes', 'I switched to different embeddings. Do I have to import all my files afresh?'],
    ['What an answer tells', 'Why did this hit come first?'],
    ['Models that a server serves', 'How do I use nomic-embed on my own GPU box?'],
  ],
  security: [
    ['Tenants: who sees what, and how it is shown', "Could one customer ever read another customer's data?"],
    ['API keys', 'How do I let a nightly script in without a login page?'],
    ['Errors and logs give nothing away', 'Does my database password ever end up in a text file on disk?'],
    ['The audit log has what was refused, too', 'I want to see who tried to do something they were not permitted to.'],
  ],
  sources: [
    ['Links from one store to another', 'Join my orders in MariaDB with scanned bills in a bucket.'],
    ['Following changes', 'Tell me at once when a row in my table is updated.'],
  ],
};

/** @param project the project's folder */
export function questions(project: string): RetrievalSet {
  const chunks = sectionsOf(project).flatMap(({ id, title, text }) =>
    chunkText(text, 'text/markdown', { title }).map((chunk, at) => ({
      section: id,
      id: `${id}/${at}`,
      title,
      text: chunk,
    })),
  );
  const asked = Object.entries(QUESTIONS).flatMap(([file, each]) =>
    each.map(([heading, text]) => {
      const section = chunks.filter((chunk) => chunk.section === `${file}#${heading}`);
      if (section.length === 0) throw new Error(`No section of docs/${file}.md is "${heading}" any more.`);
      return { text, expected: section.map(({ id }) => id) };
    }),
  );
  return { documents: chunks, questions: asked };
}

/** What stands under each heading of the second level, with what stands under those below it. */
function sectionsOf(project: string): { id: string; title: string; text: string }[] {
  const docs = readdirSync(join(project, 'docs')).filter((name) => name.endsWith('.md'));
  return [['README', 'README.md'], ...docs.map((name) => [name.slice(0, -3), join('docs', name)])].flatMap(
    ([name, path]) => {
      const [head = '', ...sections] = readFileSync(join(project, path!), 'utf8').split(/^## /m);
      const title = /^# (.*)/m.exec(head)?.[1] ?? name!;
      return sections.map((section) => {
        const heading = section.slice(0, section.indexOf('\n')).trim().replaceAll('`', '');
        return { id: `${name!}#${heading}`, title, text: `## ${section}` };
      });
    },
  );
}
