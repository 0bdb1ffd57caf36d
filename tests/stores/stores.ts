import { neo4j } from './provision/neo4j.ts';
import { postgres } from './provision/postgres.ts';
import { redis } from './provision/redis.ts';
import { s3 } from './provision/s3.ts';
import type { Store } from './provision/store.ts';
import { toxiproxy } from './provision/toxiproxy.ts';

/** The stores that can be provisioned, those that take longest from cold first. */
export const STORES: readonly Store[] = [neo4j, s3, postgres, redis, toxiproxy];
