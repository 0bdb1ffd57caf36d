import { connect } from 'node:net';

/**
 * Sends inline commands one after the other and returns the answers as they came, without the last line end: no client
 * is needed to say hello.
 */
export async function redisConversation(port: number, host: string, commands: readonly string[]): Promise<string[]> {
  const socket = connect(port, host);
  const answers: string[] = [];
  let received = '';
  try {
    await new Promise<void>((done, fail) => {
      socket.once('error', fail);
      socket.once('close', () => fail(new Error(`Closed after ${answers.length} answers.`)));
      socket.on('data', (data) => {
        received += data.toString();
        if (!isWhole(received)) return;
        answers.push(received.slice(0, -2));
        received = '';
        const next = commands[answers.length];
        if (next === undefined) done();
        else socket.write(`${next}\r\n`);
      });
      socket.write(`${commands[0]}\r\n`);
    });
  } finally {
    socket.destroy();
  }
  return answers;
}

/** Whether this is one whole simple or bulk string, in the second version of Redis's protocol. */
function isWhole(answer: string): boolean {
  if (!answer.startsWith('$')) return answer.endsWith('\r\n');
  const end = answer.indexOf('\r\n');
  return (
    end > 0 && Buffer.byteLength(answer) === Buffer.byteLength(answer.slice(0, end)) + Number(answer.slice(1, end)) + 4
  );
}
