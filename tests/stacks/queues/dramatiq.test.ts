/** Runs that are announced over a real RabbitMQ to real Dramatiq workers (`TEST_RABBITMQ`). */
import { PROGRAMS, startDramatiq, startRabbitMq } from './rabbitmq.ts';
import { queueScenario } from './scenario.ts';

queueScenario(
  'runs that are announced to Dramatiq (TEST_RABBITMQ)',
  {
    broker: startRabbitMq,
    variable: 'AMQP_URL',
    worker: (env) => startDramatiq(env, 4),
    ready: 'ready for action',
    store: 'rabbitmq',
  },
  PROGRAMS !== undefined,
);
