import { clickhouse } from './provision/clickhouse.ts';
import { keycloak } from './provision/keycloak.ts';
import { llamacpp } from './provision/llamacpp.ts';
import { mariadb } from './provision/mariadb.ts';
import { models } from './provision/models.ts';
import { mongodb } from './provision/mongodb.ts';
import { mysql } from './provision/mysql.ts';
import { neo4j } from './provision/neo4j.ts';
import { postgres } from './provision/postgres.ts';
import { qdrant } from './provision/qdrant.ts';
import { redis } from './provision/redis.ts';
import { s3 } from './provision/s3.ts';
import type { Store } from './provision/store.ts';
import { temporal } from './provision/temporal.ts';
import { toxiproxy } from './provision/toxiproxy.ts';

/** The stores that can be provisioned, those that take longest from cold first. */
export const STORES: readonly Store[] = [
  models,
  temporal,
  keycloak,
  llamacpp,
  neo4j,
  s3,
  mongodb,
  postgres,
  mariadb,
  mysql,
  clickhouse,
  qdrant,
  redis,
  toxiproxy,
];

/** Suites that need several stores at once; they run when all of them are up. */
export const JOINT_SUITES: readonly { suite: string; needs: readonly string[] }[] = [
  { suite: 'tests/faults/outbox.test.ts', needs: ['postgres', 'neo4j', 's3', 'toxiproxy'] },
  { suite: 'tests/e2e/conditions/conditions.test.ts', needs: ['neo4j', 'qdrant'] },
  { suite: 'tests/e2e/conditions/similarity.test.ts', needs: ['neo4j', 'qdrant'] },
  { suite: 'tests/e2e/conditions/orders.test.ts', needs: ['neo4j', 'qdrant'] },
  { suite: 'tests/e2e/conditions/facts.test.ts', needs: ['qdrant'] },
  { suite: 'tests/e2e/memory/users.test.ts', needs: ['qdrant'] },
  { suite: 'tests/e2e/memory/messages.test.ts', needs: ['qdrant'] },
  { suite: 'tests/stores/erasure.test.ts', needs: ['neo4j', 's3', 'qdrant', 'redis'] },
  { suite: 'tests/stores/doctor.test.ts', needs: ['neo4j', 's3', 'qdrant', 'redis'] },
  { suite: 'tests/faults/faults.test.ts', needs: ['postgres', 'neo4j', 's3', 'toxiproxy'] },
];
