import type { GraphDriver } from '../driver.ts';
export interface Neo4jOptions { uri: string; username: string; password: string; database?: string }
export function createNeo4jGraph(_: Neo4jOptions): GraphDriver { throw new Error('soon'); }
