/** A chat in the AI SDK's own terms. Load the page again while an answer is being written: it goes on where it is. */
import { useChat } from '@ai-sdk/react';
import { createElement as h, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { TributaryTransport } from './transport.mjs';

const { document, location, sessionStorage, crypto } = globalThis;
const settings = new URLSearchParams(location.search);
/** A chat lives as long as its tab. */
const chatId = sessionStorage.getItem('chat') ?? crypto.randomUUID();
sessionStorage.setItem('chat', chatId);
/** What had been said when the page was loaded, but for the answer under way, which the server knows better. */
const said = JSON.parse(sessionStorage.getItem(`messages:${chatId}`) ?? '[]');

function Chat() {
  const transport = useMemo(
    () =>
      new TributaryTransport({
        origin: settings.get('origin') ?? 'http://127.0.0.1:4000',
        agent: settings.get('agent') ?? 'librarian',
      }),
    [],
  );
  const [question, setQuestion] = useState('');
  const { messages, sendMessage, status, stop, error } = useChat({
    id: chatId,
    messages: said,
    transport,
    resume: true,
  });
  useEffect(() => sessionStorage.setItem(`messages:${chatId}`, JSON.stringify(messages)), [messages]);
  const busy = status === 'submitted' || status === 'streaming';
  const ask = (event) => {
    event.preventDefault();
    if (question.trim() === '') return;
    sendMessage({ text: question });
    setQuestion('');
  };
  return h(
    'main',
    { 'data-status': status },
    h('h1', null, 'Ask the agent'),
    messages.map((message) =>
      h(
        'article',
        { key: message.id, className: message.role },
        message.parts.map((part, i) => h(Part, { key: i, part })),
      ),
    ),
    error && h('p', { role: 'alert' }, error.message),
    h(
      'form',
      { onSubmit: ask },
      h('input', {
        'aria-label': 'Question',
        value: question,
        disabled: busy,
        onChange: ({ target }) => setQuestion(target.value),
      }),
      busy ? h('button', { type: 'button', onClick: stop }, 'Stop') : h('button', null, 'Ask'),
    ),
  );
}

function Part({ part }) {
  if (part.type === 'text') return h('p', null, part.text);
  if (part.type === 'reasoning') return h('p', { className: 'soft' }, part.text);
  if (part.type === 'dynamic-tool')
    return h(
      'details',
      null,
      h('summary', null, `${part.toolName}: ${part.state === 'output-available' ? 'done' : 'under way'}`),
      h('pre', null, JSON.stringify({ input: part.input, output: part.output }, null, 2)),
    );
  return null;
}

createRoot(document.getElementById('chat')).render(h(Chat));
