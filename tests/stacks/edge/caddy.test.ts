import { CADDY } from './drivers.ts';
import { edgeSuite } from './edge.ts';

edgeSuite(CADDY);
